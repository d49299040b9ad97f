"""The names of the corpora, and that naming them costs nothing."""

import subprocess
import sys
from typing import get_args

from contravox.corpora.catalogue import CorpusName
from contravox.corpora.preparation import CORPORA


def test_every_name_is_that_of_a_corpus():
    assert get_args(CorpusName) == tuple(CORPORA)


def test_the_names_load_no_tables():
    code = "import sys, contravox.corpora.catalogue; sys.exit('polars' in sys.modules)"
    assert not subprocess.run([sys.executable, "-c", code], check=False).returncode

import polars as pl
import pytest

from contravox.enrolments import Enrolments
from contravox.errors import TrialsError


def test_written_and_read_again(tmp_path):
    table = pl.DataFrame({"enrolment": ["a b", "a b", "c"], "utterance": ["1", "2 é", "1"]})
    Enrolments(table).write(tmp_path / "e.tsv")
    read = Enrolments.read(tmp_path / "e.tsv")
    assert read.table.equals(table)
    assert read.utterances.sort().to_list() == ["1", "2 é"]


@pytest.mark.parametrize(
    "text", ["", "enrolment\tutterance\n", "a\tb\n1\t2\n", "enrolment\tutterance\na\t\n"]
)
def test_another_table_is_refused_by_name(tmp_path, text):
    path = tmp_path / "e.tsv"
    path.write_text(text)
    with pytest.raises(TrialsError, match=r"e\.tsv: not a .*table of enrolments"):
        Enrolments.read(path)

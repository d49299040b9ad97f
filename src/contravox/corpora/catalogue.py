"""The names of the corpora and layouts that can be prepared, for whoever only lists them."""

from typing import Literal

CorpusName = Literal[
    "voxceleb1",
    "voxceleb2",
    "cnceleb",
    "voices",
    "librispeech",
    "an4",
    "musan",
    "rirs",
    "noises",
    "responses",
    "folder",
    "unlabelled",
    "table",
    "kaldi",
]

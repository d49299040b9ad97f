"""docs/cluster.md: its commands run as shown, and its table names the columns."""

import re
import shlex
import shutil
from pathlib import Path

import polars as pl
import pytest

from contravox.inference.default_model import DEFAULT_MODEL

PAGE = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]


@pytest.fixture
def place(corpus, tmp_path, monkeypatch):
    """What the commands read, in the folder that they run in."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(DEFAULT_MODEL, "model.onnx")
    table = pl.read_csv(corpus / "test" / "manifest.tsv", separator="\t")
    paths = [str((corpus / "test" / path).resolve()) for path in table["path"]]
    table.with_columns(path=pl.Series(paths)).head(3).write_csv("manifest.tsv", separator="\t")


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("engine", [None, pytest.param("ray", marks=pytest.mark.cluster)])
def test_commands_run_as_shown(run, engine) -> None:
    commands = [each for each in COMMANDS if each[0] == "embed" and ("ray" in each) == bool(engine)]
    assert commands
    for command in commands:
        status, _, said = run(*command)
        assert status == 0, said
    table = pl.read_parquet("embeddings/part-*.parquet")
    assert len(table) == 3
    [rows] = re.findall(r"^\| column \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE)
    named = [
        name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])
    ]
    assert named == table.columns
    [snippet] = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    exec(snippet, {})

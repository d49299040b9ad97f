"""Preparing a corpus as its user does."""

import json
from typing import NamedTuple

import polars as pl
import pytest

from contravox.manifest import Manifest


class Prepared(NamedTuple):
    """What ``contravox prepare --json`` printed, and where it wrote."""

    counts: dict
    warnings: list[str]
    folder: object

    def table(self, part: str = ".") -> pl.DataFrame:
        return Manifest.read(self.folder / part / "manifest.tsv").table

    def column(self, name: str, part: str = ".") -> list:
        return self.table(part)[name].to_list()

    def files(self) -> dict[str, bytes]:
        """Every file that was written, hidden ones too."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def prepare(run, tmp_path):
    """Prepare a corpus to ``tmp_path/out``."""

    def command(corpus, folder, *options):
        status, output, errors = run(
            "prepare", corpus, folder, "-o", tmp_path / "out", "--json", *options
        )
        assert status == 0, errors
        counts = json.loads(output)
        return Prepared(counts, counts.pop("warnings"), tmp_path / "out")

    return command


@pytest.fixture
def refused(run, tmp_path):
    """Prepare a corpus that must be refused; give the one line that says why."""

    def command(corpus, folder, *options):
        status, _, errors = run("prepare", corpus, folder, "-o", tmp_path / "out", *options)
        assert status == 2
        [line] = errors.strip().splitlines()
        assert line.startswith("error: ")
        assert not (tmp_path / "out").exists()
        return line

    return command

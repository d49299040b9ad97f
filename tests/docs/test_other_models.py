"""docs/other_models.md: its commands work, and its table names what is read."""

import re
import shlex
from pathlib import Path

import pytest
import torch
import typer
from tests.inference.foreign_models.networks import Weights, cam_plus_plus

from contravox.cli import app, main
from contravox.commands.convert import Convention, Normalisation, Window
from contravox.corpora.preparation import prepare_corpus
from contravox.inference.foreign_models.recognition import KNOWN

PAGE = (Path(__file__).parents[2] / "docs" / "other_models.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]


def test_commands_run_as_shown(tone_corpus, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    weights = Weights()
    cam_plus_plus(weights, torch.randn(1, 24, 130))
    for name in ("campplus_cn_en_common.pt", "avg_model.pt"):
        torch.save(dict(weights), name)
    prepare_corpus("folder", tone_corpus, tmp_path / "corpus", split=True)
    (tmp_path / "corpus" / "test").rename("my_trials")
    for name, path in zip(("ann.wav", "bob.wav"), sorted(tone_corpus.rglob("*.wav")), strict=False):
        Path(name).write_bytes(path.read_bytes())
    assert {verb for verb, *_ in COMMANDS} == {"convert", "calibrate", "verify"}
    for command in COMMANDS:
        again = ["--force"] if command[0] == "convert" else []
        monkeypatch.setattr("sys.argv", ["contravox", *command, *again])
        with pytest.raises(SystemExit) as ended:
            main()
        assert (ended.value.code or 0) in ({0, 1} if command[0] == "verify" else {0})


def test_every_architecture_has_a_row() -> None:
    rows = "".join(re.findall(r"^\|.*\|$", PAGE, flags=re.MULTILINE))
    for architecture in KNOWN:
        toolkit, name = architecture.ORIGIN.split("'s ", 1)
        assert toolkit in rows
        assert name in rows


def test_options_are_those_of_the_verb() -> None:
    known = {
        option
        for each in typer.main.get_command(app).commands["convert"].params
        for option in (*each.opts, *each.secondary_opts)
    }
    assert set(re.findall(r"(?<=`)--[\w-]+", PAGE)) <= known
    for name, values in (
        ("convention", Convention),
        ("window", Window),
        ("normalisation", Normalisation),
    ):
        assert f"`--{name} {'|'.join(values)}`" in PAGE

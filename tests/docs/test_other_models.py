"""docs/other_models.md: its commands work, and its table names what is read."""

import re
import shlex
import shutil
from pathlib import Path
from typing import get_args

import onnx
import pytest
import torch
import typer
from safetensors.torch import save_file

from contravox.cli import app
from contravox.commands.convert import Convention, Normalisation, Window
from contravox.inference.foreign_models.recognition import KNOWN
from foreign_networks import Weights, cam_plus_plus, mean_of_frames

PAGE = (Path(__file__).parents[2] / "docs" / "other_models.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]


@pytest.fixture
def files(tone_corpus, corpus, tmp_path, monkeypatch):
    """What the commands read, in the folder that they run in."""
    monkeypatch.chdir(tmp_path)
    weights = Weights()
    cam_plus_plus(weights, torch.randn(1, 24, 130))
    for name in ("campplus_cn_en_common.pt", "avg_model.pt"):
        torch.save(dict(weights), name)
    onnx.save(mean_of_frames(), "theirs.onnx")
    shutil.copytree(corpus / "test", "my_trials")
    for name, path in zip(("ann.wav", "bob.wav"), sorted(tone_corpus.rglob("*.wav")), strict=False):
        shutil.copy(path, name)
    folder = Path("hub", "models--owner--name")
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("a" * 40)
    (folder / "snapshots" / ("a" * 40)).mkdir(parents=True)
    save_file(dict(weights), folder / "snapshots" / ("a" * 40) / "model.safetensors")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "hub")


@pytest.mark.export
@pytest.mark.usefixtures("files")
def test_commands_run_as_shown(run) -> None:
    assert {verb for verb, *_ in COMMANDS} == {"convert", "calibrate", "verify"}
    for command in COMMANDS:
        status, _, said = run(*command)
        assert status in ({0, 1} if command[0] == "verify" else {0}), said


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
        assert f"`--{name} {'|'.join(get_args(values))}`" in PAGE

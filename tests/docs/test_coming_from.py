"""Every command of ours beside another toolkit's is one."""

import re
import shlex
from pathlib import Path

import typer

from contravox.cli import app
from contravox.training.shipped import shipped_recipes

PAGE = (Path(__file__).parents[2] / "docs" / "coming_from.md").read_text(encoding="utf-8")
VERBS = typer.main.get_command(app).commands
ROWS = re.findall(r"^\| (.+) \| `contravox (.+?)`[^|]*\|$", PAGE, flags=re.MULTILINE)


def test_our_commands_are_understood():
    assert len(ROWS) == len(re.findall(r"^\| .+ \|$", PAGE, flags=re.MULTILINE)) - 4
    for _, line in ROWS:
        verb, *arguments = shlex.split(line)
        assert VERBS[verb].make_context(verb, list(arguments)).params
        if verb == "train":
            assert arguments[0] in shipped_recipes()


def test_every_toolkit_has_its_section():
    assert re.findall(r"^## (.+)$", PAGE, flags=re.MULTILINE) == [
        "WeSpeaker",
        "SpeechBrain",
        "Resemblyzer",
        "3D-Speaker",
    ]

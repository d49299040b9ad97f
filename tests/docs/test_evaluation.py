"""docs/evaluation.md: its commands and options are those of the command line."""

import re
import shlex
from pathlib import Path

import typer

from contravox.cli import app
from contravox.commands.scoring_options import (
    Enrolment,
    Normalisation,
    QualityMeasure,
    WhiteningOption,
)

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
CHOICES = {
    "--enrolment": Enrolment,
    "--whiten": WhiteningOption,
    "--normalise": Normalisation,
    "--quality": QualityMeasure,
}
VERBS = typer.main.get_command(app).commands


def test_commands_are_understood():
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE))
    commands = [shlex.split(line) for line in lines.replace("\\\n", " ").splitlines()]
    assert {verb for _, verb, *_ in commands} == {
        "evaluate",
        "compare",
        "fuse",
        "calibrate",
        "verify",
        "measure",
    }
    for name, verb, *arguments in commands:
        assert name == "contravox"
        assert VERBS[verb].make_context(verb, arguments).params


def test_options_in_the_table_are_those_of_evaluate():
    known = {name: option for option in VERBS["evaluate"].params for name in option.opts}
    rows = re.findall(r"^\| (`--[^|]*)\|", PAGE, flags=re.MULTILINE)
    assert len(rows) == 8
    for row in rows:
        option, *more = re.findall(r"`([^`]+)`", row)
        name, *value = option.split()[:2]
        assert name in known
        if name in CHOICES:
            assert [*value, *more] == list(CHOICES[name])

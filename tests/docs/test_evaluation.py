"""docs/evaluation.md: its commands and options are those of the command line."""

import re
import shlex
from pathlib import Path
from typing import get_args

import typer

from contravox.cli import app
from contravox.commands.scoring_options import ENROLMENTS, NORMALISATIONS, WHITENINGS
from contravox.commands.scoring_options import Quality as OptionalQuality
from contravox.scoring.calibration_columns import Quality
from contravox.scoring.enrolment import EnrolmentMethod
from contravox.scoring.normalisation import NormalisationMethod
from contravox.scoring.whitening import WhiteningMethod

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
CHOICES = {
    "--enrolment": list(ENROLMENTS),
    "--whiten": list(WHITENINGS),
    "--normalise": list(NORMALISATIONS),
    "--quality": list(get_args(Quality)),
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
        "score",
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
            assert [*value, *more] == CHOICES[name]


def test_short_names_are_of_every_method():
    for names, methods in (
        (ENROLMENTS, EnrolmentMethod),
        (NORMALISATIONS, NormalisationMethod),
        (WHITENINGS, WhiteningMethod),
    ):
        assert list(names.values()) == list(get_args(methods))
    assert [each.value for each in OptionalQuality] == list(get_args(Quality))

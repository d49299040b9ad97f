"""The command line. Every verb is a file in ``commands``; heavy imports wait until one runs."""

import sys
import warnings
from typing import TextIO

import typer

from contravox.commands.calibrate import calibrate
from contravox.commands.compare import compare
from contravox.commands.console import note
from contravox.commands.convert import convert
from contravox.commands.demo import demo
from contravox.commands.embed import embed
from contravox.commands.evaluate import evaluate
from contravox.commands.fuse import fuse
from contravox.commands.prepare import prepare
from contravox.commands.score import score
from contravox.commands.shard import shard
from contravox.commands.sweep import sweep
from contravox.commands.train import train
from contravox.commands.verify import verify
from contravox.cpu import tune_process
from contravox.errors import ContravoxError, ContravoxWarning

app = typer.Typer(
    help="Speaker verification by contrastive learning: prepare, train, evaluate, verify.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
VERBS = (
    demo,
    convert,
    prepare,
    shard,
    train,
    sweep,
    embed,
    evaluate,
    score,
    compare,
    fuse,
    calibrate,
    verify,
)
for verb in VERBS:
    app.command()(verb)


def main() -> None:
    """Run the command line. Errors of the user's input are one line and exit status 2."""
    tune_process()
    warnings.showwarning = _show_warning
    try:
        app()
    except ContravoxError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        _fail(f"{error.name} is not installed: pip install 'contravox[demo]'")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{(error.strerror or str(error)).lower()}")


def _fail(reason: str) -> None:
    note("error: " + " ".join(reason.split()))
    sys.exit(2)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Say what a user can mend in one line; what only developers can is not for the terminal."""
    if issubclass(category, ContravoxWarning):
        note(f"warning: {message}")

"""The command line. Every verb is a file in ``commands``; heavy imports wait until one runs."""

import importlib.metadata
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, TextIO

import typer

from contravox.commands.calibrate import calibrate
from contravox.commands.cluster import cluster
from contravox.commands.compare import compare
from contravox.commands.convert import convert
from contravox.commands.cpu import tune_process
from contravox.commands.demo import demo
from contravox.commands.doctor import doctor
from contravox.commands.embed import embed
from contravox.commands.enrol import enrol
from contravox.commands.evaluate import evaluate
from contravox.commands.export import export
from contravox.commands.fuse import fuse
from contravox.commands.gallery import app as gallery
from contravox.commands.identify import identify
from contravox.commands.keys import app as keys
from contravox.commands.measure import measure
from contravox.commands.prepare import prepare
from contravox.commands.score import score
from contravox.commands.serve import serve
from contravox.commands.shard import shard
from contravox.commands.sweep import sweep
from contravox.commands.train import train
from contravox.commands.transcode import transcode
from contravox.commands.verify import verify
from contravox.errors import ContravoxError, ContravoxWarning
from contravox.extras import optional_packages
from contravox.terminal.messages import note, prepare_streams, tell
from contravox.terminal.stopping import status_of, stopping_signals

app = typer.Typer(
    help="Speaker verification by contrastive learning.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
VERBS = (
    demo,
    transcode,
    prepare,
    shard,
    train,
    sweep,
    embed,
    cluster,
    evaluate,
    score,
    measure,
    compare,
    fuse,
    convert,
    calibrate,
    export,
    verify,
    enrol,
    identify,
    serve,
    doctor,
)
for verb in VERBS:
    app.command()(verb)
app.add_typer(gallery, name="gallery", help="Tell and change who is enrolled.")
app.add_typer(keys, name="keys", help="Tell and change who may ask a service for what.")

COMPLETION = "_CONTRAVOX_COMPLETE"
"""By which a shell asks what a command may go on with."""


def _tell_version(asked: bool) -> None:
    if asked:
        tell(f"contravox {importlib.metadata.version('contravox')}")
        raise typer.Exit


@app.callback()
def _of_all(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Tell it.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error arose; at any verb.")
    ] = False,
) -> None:
    """Options of all verbs. ``main`` takes --debug out, wherever it stands."""


def main() -> None:
    """Run the command line. An error is one line and exit status 2, whatever raised it."""
    debug = "--debug" in sys.argv or bool(os.environ.get("CONTRAVOX_DEBUG"))
    prepare_streams()
    _mend_environment()
    tune_process()
    with stopping_signals(), _nothing_said_by_libraries(debug):
        status = _run([each for each in sys.argv[1:] if each != "--debug"], debug)
        status = status or _flush()
    sys.exit(status)


def _run(arguments: Sequence[str], debug: bool) -> int:
    """Run a verb; say in one line what stopped it. Returns the exit status."""
    given = list(arguments) or ["--help"]
    try:
        command = typer.main.get_command(app)
        if COMPLETION in os.environ:
            command.main(["--help"], "contravox", COMPLETION)
        with optional_packages(given[0]), command.make_context("contravox", given) as context:
            command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    except SystemExit:
        raise
    except KeyboardInterrupt as error:
        note(str(error) or "stopped")
        return status_of(error)
    # A panic of a library in Rust is none of Exception.
    except BaseException as error:
        if isinstance(error, BrokenPipeError):
            return 0
        if debug:
            traceback.print_exc()
        note(f"error: {_reason(error)}")
        return 2
    return 0


def _flush() -> int:
    """Write what is left of the output, and nothing after that. Returns the exit status."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # The interpreter would try once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # Who read the output may have heard enough.
        if not isinstance(error, BrokenPipeError):
            note(f"error: the output cannot be written: {_reason(error)}")
            return 2
    return 0


def _reason(error: BaseException) -> str:
    """What to say of an error, in one line."""
    if isinstance(error, ContravoxError):
        return str(error)
    # Typer brings its own click or uses another: what the errors of their parsers have in common.
    if hasattr(error, "format_message"):
        said = error.format_message().rstrip(".")
        context = getattr(error, "ctx", None)
        return f"{said}: see {context.command_path if context else 'contravox'} --help"
    said = str(error).strip().partition("\n")[0]
    if isinstance(error, MemoryError) or "allocate memory" in said or "out of memory" in said:
        return f"out of memory ({said or 'nothing left'}): ask for less at a time"
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed: pip install 'contravox[demo]'"
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{(error.strerror or said).lower()}"
    return f"{type(error).__name__}: {said}: this was not foreseen; --debug shows where it arose"


def _mend_environment() -> None:
    """Take from the environment what libraries would stumble over, and what is not for them."""
    # No picture is shown on a screen.
    os.environ["MPLBACKEND"] = "agg"
    # Of torchrun, or of a cluster for ends of its own; Lightning reads them when it is imported.
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "SLURM_PROCID", "JSM_NAMESPACE_RANK"):
        if not os.environ.get(name, "0").isdecimal():
            del os.environ[name]
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads is not None and not threads.replace(",", "").isdecimal():
        del os.environ["OMP_NUM_THREADS"]


@contextmanager
def _nothing_said_by_libraries(debug: bool) -> Iterator[None]:
    """Say in one line what a user can mend; what only developers can is not for the terminal."""
    before = threading.excepthook, sys.unraisablehook

    if not debug:
        # Whoever waits for a thread raises its error once more, as TensorBoard does.
        threading.excepthook = lambda _: None
        sys.unraisablehook = lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            yield
    finally:
        threading.excepthook, sys.unraisablehook = before


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, ContravoxWarning):
        note(f"warning: {message}")

"""``contravox doctor``."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contravox.commands.console import Json, print_json
from contravox.commands.galleries import model_of
from contravox.inference.default_model import told_of
from contravox.terminal.messages import note, tell

if TYPE_CHECKING:
    from contravox.doctor.diagnosis import Diagnosis

UNWELL = 2


def doctor(
    model: Annotated[
        Path | None,
        typer.Option(
            envvar="CONTRAVOX_MODEL",
            help="model.onnx or model.safetensors to be tried. Default: the one of contravox.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is installed, what computes here, and whether a model works.

    Exits with 0 where everything needed works, 2 where something does not.
    """
    from contravox.doctor.diagnosis import diagnose

    diagnosis = diagnose(model_of(model))
    if as_json:
        print_json({**asdict(diagnosis), "problems": diagnosis.problems})
    else:
        tell(*_lines(diagnosis))
    for problem in diagnosis.problems:
        note(f"error: {problem}")
    if diagnosis.problems:
        raise typer.Exit(UNWELL)


def _lines(diagnosis: "Diagnosis") -> Iterator[str]:
    yield f"contravox {diagnosis.contravox}, Python {diagnosis.python}, {diagnosis.system}"
    yield "libraries"
    for library in diagnosis.libraries:
        yield _row(library.name, library.version or "", library.problem)
    yield "extras"
    for extra in diagnosis.extras:
        missing = f"pip install 'contravox[{extra.name}]': lacks {', '.join(extra.missing)}"
        yield _row(extra.name, extra.purpose, missing if extra.missing else None)
    yield "devices"
    for device in diagnosis.devices:
        yield _row(device.name, f"{device.model}{_memory(device.memory)}")
    yield "disks"
    for disk in diagnosis.disks:
        free = "" if disk.free is None else f"{disk.free / 1e9:.1f} GB free for "
        yield _row(disk.folder, f"{free}{disk.purpose}", disk.problem)
    yield "model"
    model = diagnosis.model
    if model is None:
        yield "  none was tried, as the libraries do not work"
    elif model.size is None:
        yield _row(told_of(model.path), "", model.problem)
    else:
        yield _row(told_of(model.path), f"d = {model.size}, {model.speed:.0f} s of sound a second")


def _row(name: str, said: str, problem: str | None = None) -> str:
    mark = "!" if problem else "✓"
    return f"  {mark} {name:<20} {said}{f' ({problem})' if problem else ''}".rstrip()


def _memory(memory: int | None) -> str:
    return "" if memory is None else f", {memory / 1e9:.0f} GB"

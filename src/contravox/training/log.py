"""What happened in training: one JSON object a line, and TensorBoard."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from torch.utils.tensorboard import SummaryWriter

from contravox.errors import OutputError, TrainingWarning
from contravox.files.writing import write_text

NAME = "log.jsonl"


class Log(Protocol):
    """What training writes to as it goes."""

    def write(self, step: int, entry: dict[str, Any]) -> None:
        """Log numbers, or groups of numbers by name, of a step."""

    def close(self) -> None:
        """Nothing is written afterwards."""


class NoLog:
    """Keeps nothing: of several processes only the leading one writes a log."""

    def write(self, step: int, entry: dict[str, Any]) -> None:
        pass

    def close(self) -> None:
        pass


class TrainingLog:
    """Appends to ``log.jsonl`` and to TensorBoard's files in ``folder``.

    first_step: entries from this step on are of a run that was cut off, and are dropped.
    """

    def __init__(self, folder: Path, *, first_step: int = 0) -> None:
        path = folder / NAME
        kept = [entry for entry in read_log(folder) if entry["step"] < first_step]
        write_text(path, "".join(json.dumps(entry) + "\n" for entry in kept))
        self.folder = folder
        with _output_errors(folder):
            self.file = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115
            board = str(folder / "tensorboard")
            self.board: SummaryWriter | None = SummaryWriter(board, purge_step=first_step)

    def write(self, step: int, entry: dict[str, Any]) -> None:
        """Log numbers, or groups of numbers by name, of a step. Raises OutputError."""
        with _output_errors(self.folder):
            self.file.write(json.dumps({"step": step, **entry}) + "\n")
        with self._board_errors():
            for name, value in entry.items():
                for key, number in value.items() if isinstance(value, dict) else [("", value)]:
                    if self.board is not None:
                        self.board.add_scalar(f"{name}/{key}".rstrip("/"), number, step)

    def close(self) -> None:
        with self._board_errors():
            if self.board is not None:
                self.board.close()
        with _output_errors(self.folder):
            self.file.close()

    @contextmanager
    def _board_errors(self) -> Iterator[None]:
        """Training goes on without TensorBoard's files, which hold nothing that the log has not."""
        try:
            yield
        except OSError as error:
            self.board = None
            warnings.warn(
                f"{self.folder / 'tensorboard'}: is no longer written "
                f"({(error.strerror or str(error)).lower()}); log.jsonl is",
                TrainingWarning,
                stacklevel=1,
            )


@contextmanager
def _output_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{folder}: the log cannot be written ({error.strerror or error}): free the disk and "
            "go on with --resume"
        ) from error


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Every entry logged in ``folder``; damaged lines, as a last one cut short, are left out."""
    path = folder / NAME
    if not path.is_file():
        return []
    entries = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and type(entry.get("step")) is int:
            entries.append(entry)
    return entries

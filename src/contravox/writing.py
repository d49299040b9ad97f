"""Files appear whole or not at all."""

import hashlib
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from contravox.errors import OutputError

LONGEST_NAME = 200
"""Bytes of a name that others are made of: file systems take 255."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to; rename it to ``path`` on success.

    The folder is made if needed. Whatever goes wrong, an interrupt included, leaves ``path`` as it
    was and no temporary file behind.

    Raises OutputError where the file cannot be written (full disk, read-only folder).
    """
    temporary = beside(path, f"{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        # An unwritable folder may refuse even this; the error above already says so.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def json_text(value: Any) -> str:
    """JSON that every program reads: a number that is not finite is null."""
    return json.dumps(_finite(value), indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value


def beside(path: Path, ending: str) -> Path:
    """A hidden file of the same folder that belongs to ``path``."""
    name = os.fsencode(path.name)
    if len(name) > LONGEST_NAME:
        name = hashlib.blake2b(name, digest_size=16).hexdigest().encode()
    return path.with_name(f".{os.fsdecode(name)}.{ending}")


def unwritable(path: Path, error: OSError) -> OutputError:
    """What to say where ``path`` cannot be written."""
    reason = (error.strerror or str(error)).lower()
    return OutputError(
        f"{path}: cannot be written ({reason}): make room, or choose another --output"
    )

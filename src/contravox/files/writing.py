"""Files appear whole or not at all."""

import errno
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


MENDS = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "give yourself the right to"),
    errno.ENAMETOOLONG: "choose a shorter name",
}
"""What helps against an error, beside another place."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to; rename it to ``path`` on success.

    The folder is made if needed. Whatever goes wrong, an interrupt included, leaves ``path`` as it
    was and no temporary file behind; a machine that loses its power leaves the old file or the new
    one. Where ``path`` is a symbolic link, the file that it leads to is replaced.

    Raises OutputError where the file cannot be written (full disk, read-only folder), or something
    else than a regular file is there.
    """
    file = Path(os.path.realpath(path))
    if os.path.lexists(file) and not file.is_file():
        raise OutputError(f"{path}: is there, and is not a regular file: choose another --output")
    temporary = beside(file, f"{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        os.replace(temporary, file)
        # Some file systems cannot, and keep the order by themselves.
        with suppress(OSError):
            _sync(file.parent)
    except (OSError, OutputError) as error:
        cause = error.__cause__ if isinstance(error, OutputError) else error
        if not isinstance(cause, OSError):
            raise
        raise unwritable(path, cause) from cause
    finally:
        # An unwritable folder may refuse even this; the error above already says so.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until the disk has it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all. Raises OutputError."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all. Raises OutputError."""
    write_bytes(path, text.encode())


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


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove the temporary files of processes that were killed while they wrote.

    pattern: of the files that they were for, relative to ``folder``, for which no other machine
    writes now.
    """
    place, name = os.path.split(pattern)
    for path in folder.glob(os.path.join(place, f".{name}.*.tmp")):
        process = path.name.split(".")[-2]
        if process.isdecimal() and not _runs(int(process)):
            with suppress(OSError):
                path.unlink()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # Somebody else's.
    return True


def unwritable(path: Path, error: OSError) -> OutputError:
    """What to say where ``path`` cannot be written."""
    reason = (error.strerror or str(error)).lower()
    mend = MENDS.get(error.errno or 0)
    mends = f"{mend}, or choose another --output" if mend else "choose another --output"
    return OutputError(f"{path}: cannot be written ({reason}): {mends}")

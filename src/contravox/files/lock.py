"""One process at a time writes to a place."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from contravox.errors import OutputError
from contravox.files.writing import beside, unwritable


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold ``path``, a file or folder that is about to be written, for this process alone.

    The lock is one of POSIX on a hidden file, in a folder or beside a file. It goes with the
    process, however that ends, and processes forked from it do not hold it. On NFS it needs the
    server's lock daemon, and where a file system has no locks nothing is held.

    Raises OutputError where another process holds it, naming that where it is known, and where the
    place cannot be written.
    """
    name = path / ".lock" if path.is_dir() else beside(path, "lock")
    descriptor = _open_locked(name, path)
    try:
        holder = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
        os.write(descriptor, holder.encode())
        yield
    finally:
        # Before it is let go, so that nobody who waits for it holds a file that is not there.
        with suppress(OSError):
            name.unlink()
        os.close(descriptor)


def _open_locked(name: Path, path: Path) -> int:
    """The lock's file, open and held."""
    while True:
        try:
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            holder = os.read(descriptor, 1000)
            os.close(descriptor)
            raise OutputError(
                f"{path}: {_who(holder)} is writing it: wait for that, or choose another --output"
            ) from None
        except OSError:
            pass  # This file system knows no locks.
        # Whoever held it may have taken the file away in between.
        if name.exists() and os.path.samestat(os.fstat(descriptor), name.stat()):
            os.ftruncate(descriptor, 0)
            return descriptor
        os.close(descriptor)


def _who(holder: bytes) -> str:
    try:
        said = json.loads(holder)
        return f"process {int(said['pid'])} on {said['host']}"
    except (ValueError, KeyError, TypeError):
        return "another process"

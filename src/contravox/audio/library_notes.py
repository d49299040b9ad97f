"""What libmpg123, by which libsndfile reads MP3, prints to the error stream by itself.

Neither has a means to silence it, and a user should read one line, ours.
"""

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

NOTES = re.compile(rb"(?:Note|Warning): [^\n]*\n|\[[^\n\]]*libmpg123[^\n]*\n")
"""Its lines. Ours begin in lower case."""


@dataclass
class _Catch:
    """The error stream while its lines are caught.

    screen: a descriptor of where they went before; caught: where they go meanwhile; passed_on:
    bytes of those; users: threads that want it.
    """

    screen: int
    caught: BinaryIO
    passed_on: int = 0
    users: int = 0

    def pass_on(self) -> None:
        """Print what is no note; while others may be printing, only lines that are whole."""
        size = os.fstat(self.caught.fileno()).st_size
        printed = os.pread(self.caught.fileno(), size - self.passed_on, self.passed_on)
        if self.users:
            printed = printed[: printed.rfind(b"\n") + 1]
        self.passed_on += len(printed)
        os.write(self.screen, NOTES.sub(b"", printed))


_lock = threading.Lock()
_catch: _Catch | None = None


@contextmanager
def without_notes() -> Iterator[None]:
    """Keep what libmpg123 prints meanwhile off the error stream.

    The stream belongs to the whole process: what others print to it meanwhile, such as a progress
    bar or a warning of another thread, appears as soon as any thread leaves here.
    """
    if sys.__stderr__ is None:  # The process began without one.
        yield
        return
    _begin()
    try:
        yield
    finally:
        _end()


def _begin() -> None:
    global _catch
    with _lock:
        if _catch is None:
            _catch = _Catch(os.dup(2), tempfile.TemporaryFile(buffering=0))  # noqa: SIM115
            os.dup2(_catch.caught.fileno(), 2)
        _catch.users += 1


def _end() -> None:
    global _catch
    with _lock:
        assert _catch is not None
        _catch.users -= 1
        if not _catch.users:
            os.dup2(_catch.screen, 2)
        _catch.pass_on()
        if not _catch.users:
            os.close(_catch.screen)
            _catch.caught.close()
            _catch = None

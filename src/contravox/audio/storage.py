"""Bytes of a file, of an object in a store, or of a part of either.

A location is a path, a URL that fsspec knows (``s3://bucket/a.flac``), or a part of a tar file at
either: ``PATH_OR_URL.tar#bytes=FIRST-LAST``, both ends inclusive as in HTTP ranges.
"""

import functools
import os
import queue
import re
import stat
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from contravox.errors import AudioError, MissingExtraError, StorageError

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds to wait before each further attempt at what a store did not do."""

TIMEOUT = 30.0
"""Seconds after which a store that has not answered is given up, and asked again."""

SLOWEST = 1e6
"""Bytes per second that a store is expected to move at least; longer transfers may take longer."""

MARKS = (
    *("ETag", "etag", "Content-MD5", "md5Hash", "generation", "version_id", "VersionId"),
    *("Last-Modified", "LastModified", "last_modified", "updated", "mtime", "created"),
)
"""What stores call that which changes with an object: its checksum, its version, its time."""

REFUSED = frozenset(range(400, 500)) - {408, 425, 429}
"""States of HTTP in which a server stays: all of a client's mistakes but coming at a bad time."""

_PERMANENT = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
"""What no further attempt mends."""

URL = r"[A-Za-z][\w+.-]*://"
"""How a URL begins, as a regular expression."""

_URL = re.compile(URL)
_LOCAL = "file://"
_PART = re.compile(r"(?P<path>.+\.tar)#bytes=(?P<first>[0-9]+)-(?P<last>[0-9]+)", re.DOTALL)

LARGEST = 0x7FFF_F000
"""Bytes that a part of a file may have: as many as Linux reads at once, far more than it needs."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Location:
    """Where bytes are. path: a path or a URL; first, last: the part of it, None for all of it.

    A URL of a file here, ``file:///…``, is the same as its path.
    """

    path: str
    first: int | None = None
    last: int | None = None

    @classmethod
    def parse(cls, name: str | Path) -> "Location":
        """Take a location apart. A name that is no part of a tar file is a path or a URL.

        Raises AudioError where its part ends before it begins or is larger than 2 GiB.
        """
        path, first, last = str(name), None, None
        match = _PART.fullmatch(path)
        if match is not None:
            path = match["path"]
            # So many digits are no place in a file, and Python refuses to read thousands.
            first, last = (int(match[end][:20]) for end in ("first", "last"))
            if not 0 < last + 1 - first <= LARGEST:
                raise AudioError(
                    f"{path}: bytes {first} to {last} are no recording: "
                    "give the first and the last of at most 2 GiB"
                )
        return cls(path.removeprefix(_LOCAL), first, last)

    def __str__(self) -> str:
        return self.path if self.first is None else f"{self.path}#bytes={self.first}-{self.last}"

    @property
    def length(self) -> int | None:
        """Bytes of the part, None for all of it."""
        return None if self.first is None or self.last is None else self.last + 1 - self.first

    @property
    def in_store(self) -> bool:
        """Whether it is a URL."""
        return is_url(self.path)

    @property
    def plain_file(self) -> bool:
        """Whether it is a whole file of this machine."""
        return self.first is None and not self.in_store


def is_url(path: str) -> bool:
    """Whether it is a URL, not a path on this machine."""
    return _URL.match(path) is not None


def read_bytes(location: Location) -> bytes:
    """Read a location, in one request to its store or one read of its file.

    Raises AudioError where it is missing or ends before the part does, StorageError where its store
    does not answer, MissingExtraError where fsspec lacks what the store needs.
    """
    data = _read_from_store(location) if location.in_store else _read_file(location)
    if location.length is not None and len(data) != location.length:
        raise AudioError(
            f"{location}: cut short, {len(data)} of {location.length} bytes are there: "
            "copy the shard again, or make it anew with `contravox shard`"
        )
    return data


def file_state(path: str | Path) -> str:
    """A text that changes whenever a file of this machine may hold something else; "" for no file.

    Its size, the times of its modification and change, and its number: the time of modification
    alone can be set back, and is by programs that copy.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"


def stored_state(url: str) -> str:
    """A text that changes whenever an object in a store does; "" where the store says nothing such.

    Raises StorageError where the store does not answer, MissingExtraError.
    """
    said = _said_of(url)
    return " ".join(str(said[mark]) for mark in MARKS if said.get(mark) is not None)


def stored_size(url: str) -> int | None:
    """Bytes of an object in a store; None where it is not there, or the store does not say.

    Raises StorageError where the store does not answer, MissingExtraError.
    """
    return _said_of(url).get("size")


def _said_of(url: str) -> dict[str, Any]:
    """What a store says of an object; nothing where it is not there."""
    filesystem, path = _filesystem(url)

    def request() -> dict[str, Any]:
        # What is kept of an earlier answer may be older than the object.
        filesystem.invalidate_cache()
        try:
            return filesystem.info(path)
        except FileNotFoundError:
            return {}

    return ask(request, url, TIMEOUT)


def check_store(url: str) -> None:
    """Find what reads and writes a URL, before much work is done for it.

    Raises StorageError where it is no URL or of a kind that fsspec does not know, MissingExtraError
    where fsspec lacks what that store needs.
    """
    if not Location(url).in_store:
        raise StorageError(f"{url}: is no URL of a store: use such as s3://bucket/folder")
    _filesystem(url)


def claim_store(url: str) -> None:
    """See that files can be written to a folder of a store, by one that is taken away again.

    Raises StorageError and MissingExtraError, as where the bucket or the right to write is missing.
    """
    check_store(url)
    claim = f"{url}/contravox-claim-{uuid.uuid4().hex}"
    with tempfile.NamedTemporaryFile() as empty:
        upload(Path(empty.name), claim)
    remove(claim)


def upload(file: Path, url: str) -> None:
    """Copy a file of this machine to a URL. Raises StorageError and MissingExtraError."""
    filesystem, path = _filesystem(url)
    seconds = TIMEOUT + file.stat().st_size / SLOWEST
    ask(lambda: filesystem.put_file(str(file), path), url, seconds)


def stored_names(url: str) -> list[str]:
    """Paths of the objects right in a folder of a store, as it calls them; none without a folder.

    Raises StorageError and MissingExtraError.
    """
    filesystem, path = _filesystem(url)

    def request() -> list[str]:
        # What is kept of an earlier answer may be older than the objects.
        filesystem.invalidate_cache()
        try:
            return filesystem.ls(path, detail=False)
        except FileNotFoundError:
            return []

    return ask(request, url, TIMEOUT)


def remove(url: str) -> None:
    """Take an object away, if it is there. Raises StorageError and MissingExtraError."""
    filesystem, path = _filesystem(url)

    def request() -> None:
        with suppress(FileNotFoundError):
            filesystem.rm_file(path)

    ask(request, url, TIMEOUT)


def ask(request: Callable[[], Answer], url: str, seconds: float) -> Answer:
    """Let a store answer a request; ask again, after growing pauses, where it fails.

    An attempt that takes longer than ``seconds`` has failed. It cannot be stopped, so it is left to
    a thread of its own, which does not keep the process from ending.

    Raises StorageError, naming ``url``, after the last attempt, or at once for what no attempt can
    mend.
    """
    for pause in (*PAUSES, None):
        try:
            return _within(seconds, request)
        except _PERMANENT as error:
            raise StorageError(
                f"{url}: {_reason(error)}: mend the URL or the rights there"
            ) from error
        except Exception as error:
            status = getattr(error, "status", None)
            if isinstance(error, ValueError) or status in REFUSED:
                raise StorageError(f"{url}: {_reason(error)}: mend the URL") from error
            if pause is None:
                raise StorageError(
                    f"{url}: no answer after {len(PAUSES) + 1} attempts ({_reason(error)}): "
                    "check the store and start again; training goes on with --resume"
                ) from error
            time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _within(seconds: float, request: Callable[[], Answer]) -> Answer:
    """What the request returns or raises; TimeoutError where it takes too long."""
    answers: queue.SimpleQueue[tuple[bool, Answer | BaseException]] = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put((True, request()))
        except BaseException as error:
            answers.put((False, error))

    threading.Thread(target=answer, daemon=True).start()
    try:
        returned, value = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"none within {seconds:.0f} s") from None
    if returned:
        return value  # type: ignore[return-value]
    raise value  # type: ignore[misc]


def _reason(error: BaseException) -> str:
    """An error in a few words, on one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split()) or type(error).__name__


def _filesystem(url: str) -> tuple[Any, str]:
    """The file system of fsspec that reads a URL, and the URL as it knows it.

    fsspec keeps file systems, and makes new ones in a forked process; so they are not kept here.
    """
    # Imported here because most who read audio have no store, and it takes a moment.
    import fsspec  # type: ignore[import-untyped]

    try:
        return fsspec.url_to_fs(url)
    except ImportError as error:
        protocol = url.partition("://")[0]
        raise MissingExtraError(f"{url}: {protocol}:// is not installed: {error}") from error
    except ValueError as error:
        raise StorageError(f"{url}: {_reason(error)}: use a URL that fsspec knows") from error


def _read_from_store(location: Location) -> bytes:
    filesystem, path = _filesystem(location.path)
    end = None if location.last is None else location.last + 1

    def request() -> bytes | None:
        try:
            return filesystem.cat_file(path, start=location.first, end=end)
        except FileNotFoundError:
            return None

    data = ask(request, str(location), TIMEOUT + (location.length or 0) / SLOWEST)
    if data is None:
        raise AudioError(f"{location}: no such file in the store: upload it, or mend the path")
    return data


def open_regular(path: str) -> int:
    """A descriptor of a regular file, to read from. Raises AudioError where it is none.

    A folder, a pipe or a device is none: to read there may wait for ever, or never end.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            raise AudioError(f"{path}: no such file") from error
        raise AudioError(f"{path}: {_reason(error)}: copy it here, or mend the path") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise AudioError(f"{path}: no regular file: give a recording in a file")
    return descriptor


def _read_file(location: Location) -> bytes:
    try:
        status = os.stat(location.path)
        # A file that was replaced has another number, and is opened anew.
        file = _open_file(location.path, (status.st_dev, status.st_ino))
        first = location.first or 0
        there = max(0, status.st_size - first)
        length = there if location.length is None else min(there, location.length)
        # Where the file is read does not depend on what other threads, or processes that share the
        # descriptor since a fork, read of it.
        return os.pread(file.descriptor, length, first)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "no such file" if missing else _reason(error)
        raise AudioError(f"{location.path}: {reason}: copy it here, or mend the path") from error


class _OpenFile:
    """A file that closes when nobody uses it any more."""

    def __init__(self, path: str, number: tuple[int, int]) -> None:
        self.descriptor = open_regular(path)

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)


# Opening takes as long as reading; the limit is far below that of a process's open files.
_open_file = functools.lru_cache(maxsize=256)(_OpenFile)

"""API keys: what each is for, kept as digests in a file."""

import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from contravox.errors import KeyFileError
from contravox.files.lock import locked
from contravox.files.writing import atomic_path
from contravox.gallery.changes import now
from contravox.settings import Settings, first_mistake

Scope = Literal["verify", "enrol", "administer"]
"""What a key is for. verify: claims, two recordings, identification; enrol: adding speakers and
utterances; administer: who is enrolled, and deleting them."""

PREFIX = "cvx_"
"""What a key begins with, so that those who look for secrets in files find it."""

_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"


class Key(Settings):
    """name: who has it, as the log of changes tells it; sha256: of the key, in 64 digits.

    A key is 256 bits of chance: nobody finds it from its digest by trying, as they may a password,
    so that a slow hash would only slow the service down.
    """

    name: Annotated[str, Field(pattern=_NAME)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: frozenset[Scope]
    created: str


class _Kept(Settings):
    keys: tuple[Key, ...] = ()


class KeyFile:
    """The keys of a file, read anew whenever it changes: a key once removed is refused."""

    def __init__(self, path: Path) -> None:
        """Raises KeyFileError."""
        self.path = path
        self._keys: tuple[Key, ...] = ()
        self._state: tuple[int, ...] | None = None
        self.known()

    def known(self) -> tuple[Key, ...]:
        """Raises KeyFileError."""
        try:
            found = self.path.stat()
        except OSError as error:
            raise _unreadable(self.path, error) from error
        state = (found.st_mtime_ns, found.st_size, found.st_ino)
        if state != self._state:
            self._keys, self._state = read_keys(self.path), state
        return self._keys

    def find(self, key: str) -> Key | None:
        """Whose key it is. It takes as long whichever it is, and however much of it is right."""
        digest = _digest(key)
        found = None
        for each in self.known():
            if hmac.compare_digest(each.sha256, digest):
                found = each
        return found


def read_keys(path: Path) -> tuple[Key, ...]:
    """Raises KeyFileError."""
    try:
        return _Kept.model_validate_json(path.read_bytes()).keys
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValidationError as error:
        places, reason, _ = first_mistake(error)
        raise KeyFileError(
            f"{path}: is no file of keys ({'.'.join([*places, ''])[:-1]}: {reason}): restore a "
            "copy, or make another with `contravox keys add`"
        ) from error


def add_key(path: Path, name: str, scopes: Sequence[Scope]) -> str:
    """Make a key and keep its digest in the file, which may be new.

    Gives the key, which is kept nowhere. Raises KeyFileError, OutputError.
    """
    if not re.fullmatch(_NAME, name):
        raise KeyFileError(
            "a key's name has letters, digits, '_', '.' and '-', at most 64: choose another"
        )
    if not scopes:
        raise KeyFileError("a key that is for nothing: give --scopes")
    key = PREFIX + secrets.token_urlsafe(32)
    made = Key(name=name, sha256=_digest(key), scopes=frozenset(scopes), created=now())
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path):
        kept = read_keys(path) if path.exists() else ()
        if any(each.name == name for each in kept):
            raise KeyFileError(f"{path}: has a key named {name}: choose another name, or remove it")
        _write(path, (*kept, made))
    return key


def remove_key(path: Path, name: str) -> None:
    """Let the key of that name be refused from now on. Raises KeyFileError, OutputError."""
    with locked(path):
        kept = read_keys(path)
        left = tuple(each for each in kept if each.name != name)
        if len(left) == len(kept):
            raise KeyFileError(f"{path}: has no key of that name: see `contravox keys list`")
        _write(path, left)


def _write(path: Path, keys: tuple[Key, ...]) -> None:
    text = _Kept(keys=keys).model_dump_json(indent=2)
    with atomic_path(path) as temporary:
        # Its owner's only, from the first byte on.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            _leave_to_its_readers(path, descriptor)
            file.write(f"{text}\n")


def _leave_to_its_readers(path: Path, descriptor: int) -> None:
    """Give a new file the owner, the group and the mode of the one that it is to replace, if any.

    Or a service that runs as another user could not read it any more. Raises KeyFileError.
    """
    try:
        there = path.stat()
    except FileNotFoundError:
        return
    made = os.fstat(descriptor)
    if (there.st_uid, there.st_gid) != (made.st_uid, made.st_gid):
        try:
            os.fchown(descriptor, there.st_uid, there.st_gid)
        except PermissionError as error:
            raise KeyFileError(
                f"{path}: is another user's or group's, who could not read it any more: do that as "
                "its owner, or as root"
            ) from error
    os.fchmod(descriptor, stat.S_IMODE(there.st_mode))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _unreadable(path: Path, error: OSError) -> KeyFileError:
    reason = (error.strerror or str(error)).lower()
    return KeyFileError(
        f"{path}: cannot be read ({reason}): `contravox keys add` makes one; or pass another --keys"
    )

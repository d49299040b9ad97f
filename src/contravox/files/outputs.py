"""What a command is going to write is claimed before its work.

A claim is refused where the place cannot be written or is another's: what lies there is replaced
only where the same command wrote it, from the same inputs, or where ``--force`` says so; an input
of the command is never replaced. A folder keeps, in ``.contravox.json``, who wrote which of its
files and from what; a file is asked itself.
"""

import glob
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contravox.errors import OutputError
from contravox.files.lock import locked
from contravox.files.writing import json_text, remove_leftovers, unwritable, write_text

RECORD = ".contravox.json"

TRIAL_FOLDER = ("trials.tsv", "manifest.tsv", "enrolments.tsv", "protocol.json")
"""What is read of the folder of a trial list."""

MEND = "choose another --output, or pass --force to replace it"


@dataclass(frozen=True)
class _Made:
    """How a file came about: by which verb, and from what, as fingerprints by name."""

    verb: str
    made_from: Mapping[str, str]

    def unlike(self, other: "_Made | None") -> str:
        """Why this is not to replace the other."""
        if other is None or other.verb != self.verb:
            return f"is there already, and `contravox {self.verb}` did not write it"
        differ = [
            name for name in self.made_from if other.made_from.get(name) != self.made_from[name]
        ]
        return f"was made from another {' and another '.join(differ) or 'input'}"


@contextmanager
def claimed_folder(
    folder: Path | None,
    verb: str,
    writes: Sequence[str],
    *,
    inputs: Collection[Path | None] = (),
    made_from: Mapping[str, Path | str] | None = None,
    resumes: bool = False,
    force: bool = False,
) -> Iterator[None]:
    """Hold a folder while ``verb`` writes to it. One that it leaves empty is taken away again.

    folder: None where nothing is to be written. writes: the files, as patterns relative to it.
    inputs: files that the verb reads, and folders of trial lists. made_from: what decides what the
    files are; of a file its content counts. resumes: the verb knows the files there for its own.

    Raises OutputError.
    """
    if folder is None:
        yield
        return
    if _is_there(folder) and not folder.is_dir():
        raise OutputError(f"{folder}: is not a folder: choose another --output")
    for pattern in writes:
        # Of those that a user named, no file may be able to have the name.
        _is_there(folder / pattern)
    mine = _Made(verb, {name: fingerprint(each) for name, each in (made_from or {}).items()})
    with _made(folder), locked(folder):
        before = _read_record(folder)
        for pattern in writes:
            remove_leftovers(folder, pattern)
            own = resumes or force or before.get(pattern) == mine
            # A tree of a million files is looked through only where something may be wrong.
            for path in folder.glob(pattern) if inputs or not own else ():
                _refuse(path, inputs)
                if not own:
                    raise OutputError(f"{path}: {mine.unlike(before.get(pattern))}: {MEND}")
        _write_record(folder, before | dict.fromkeys(writes, mine))
        try:
            yield
        finally:
            if not any(True for pattern in writes for _ in folder.glob(pattern)):
                _write_record(folder, before)


@contextmanager
def claimed_file(
    path: Path,
    suffix: str,
    *,
    inputs: Collection[Path | None],
    own: Callable[[Path], bool],
    force: bool = False,
) -> Iterator[None]:
    """Hold a file while a verb makes it.

    suffix: that its name must have. inputs: files that the verb reads, and folders of trial lists.
    own: whether what lies there is what this very command wrote before.

    Raises OutputError.
    """
    if _is_there(path) and path.is_dir():
        raise OutputError(f"{path}: is a folder: name a file in it, such as output{suffix}")
    if path.suffix != suffix:
        raise OutputError(f"{path}: the file would be of the kind {suffix}: name it so")
    with _made(path.parent), locked(path):
        remove_leftovers(path.parent, glob.escape(path.name))
        if os.path.lexists(path):
            _refuse(path, inputs)
            if not force and not own(path):
                raise OutputError(f"{path}: is there already, not by this very command: {MEND}")
        yield


def claimed_there(path: Path) -> bool:
    """Whether the folder that a file lies in, rather than one above, keeps who wrote it."""
    return path.name in _read_record(path.parent)


def fingerprint(value: Path | str) -> str:
    """Of a file, what tells its content from all others; otherwise the path, or the text itself."""
    if isinstance(value, str) or not value.is_file():
        return str(value)
    with open(value, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _is_there(path: Path) -> bool:
    """Whether there is something. Raises OutputError where there can be nothing of that name."""
    try:
        os.fspath(path).encode()
        os.stat(path)
    except FileNotFoundError:
        return False
    except UnicodeEncodeError as error:
        # Not all that write tables take it.
        raise OutputError(f"{path}: is not UTF-8: choose another --output") from error
    except OSError as error:
        raise unwritable(path, error) from error
    return True


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; afterwards take away those that stayed empty."""
    try:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield
    finally:
        for each in missing:
            with suppress(OSError):
                each.rmdir()


def _refuse(path: Path, inputs: Collection[Path | None]) -> None:
    """Raise OutputError where the path is an input, under whatever name, or not a regular file."""
    if not path.is_file():
        raise OutputError(f"{path}: is there, and is not a regular file: choose another --output")
    for given in inputs:
        for each in _files(given):
            if each.is_file() and each.samefile(path):
                raise OutputError(
                    f"{path}: is read by the same command, which would replace it: "
                    "choose another --output"
                )


def _files(given: Path | None) -> list[Path]:
    if given is None or not given.is_dir():
        return [given] if given is not None else []
    return [given / name for name in TRIAL_FOLDER]


def _read_record(folder: Path) -> dict[str, _Made]:
    """Who wrote what, by pattern; nothing where that is not known."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return {
            pattern: _Made(verb, dict(entry["made from"]))
            for verb, entry in record.items()
            for pattern in entry["files"]
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _write_record(folder: Path, record: Mapping[str, _Made]) -> None:
    entries: dict[str, dict[str, Any]] = {}
    for pattern, made in record.items():
        entry = entries.setdefault(made.verb, {"made from": made.made_from, "files": []})
        entry["files"].append(pattern)
    if entries:
        write_text(folder / RECORD, json_text(entries) + "\n")
    else:
        (folder / RECORD).unlink(missing_ok=True)

"""What tells the content of a recording from that of all others.

A digest is of all of the bytes. A file also has a state, which is quick to ask for: while that is
the same, so is the digest.
"""

import hashlib
from pathlib import Path

import polars as pl

from contravox.audio.storage import Location, file_state, read_bytes, stored_state
from contravox.errors import AudioError
from contravox.files.journal import Journal
from contravox.threads import map_in_threads

KIND = "sha256:"
"""Begins a digest, so that none is equal to one of another kind."""

OF_A_PART = "^[0-9a-f]{16}$"
"""What contravox wrote as digests while they were of the middle of a file: many files share one."""

DIGITS = 32
"""Hexadecimal digits of a digest: 128 bits, which no two recordings share by chance."""

CONTENTS = {"path": pl.String, "state": pl.String, "digest": pl.String}
"""Where a recording is, the state of its file, and the digest of what it held in that state."""

BLOCK = 1_000
"""Digests between two entries in the journal: what an interrupt may lose."""


def audio_digest(path: str | Path) -> str:
    """``sha256:`` and 32 digits that two files share only where they hold the same bytes.

    The same recording in another format has another digest. Raises OSError.
    """
    with open(path, "rb") as file:
        return KIND + hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]


def of_whole_files(digests: pl.Series) -> pl.Series:
    """Of (n,) digests those of whole files, which tell recordings apart, each once, sorted."""
    whole = ~digests.str.contains(OF_A_PART)
    return digests.filter(whole.fill_null(False)).unique().sort()


def contents(paths: pl.Series, known: Journal) -> pl.DataFrame:
    """The columns of ``CONTENTS`` for (n,) different recordings, in their order.

    A file is read where ``known``, which remembers it, does not have it in its present state. What
    is in a store is told by what that says of it, such as an ETag. The digest is null where there
    is no such file, or the store says nothing that would change with it.

    Raises StorageError, MissingExtraError, OutputError.
    """
    table = _states(paths)
    read = known.read().unique(["path", "state"], keep="any")
    table = table.join(read, on=["path", "state"], how="left", maintain_order="left")
    unread = table.filter((pl.col("state") != "") & pl.col("digest").is_null())
    blocks = [pl.DataFrame(schema=CONTENTS)]
    for block in unread.iter_slices(BLOCK):
        digests = list(map_in_threads(_content, block.select("path", "state").rows()))
        blocks.append(block.with_columns(pl.Series("digest", digests, pl.String)))
        known.append(blocks[-1].drop_nulls())
    found = pl.concat(blocks)
    return table.update(found, on=["path", "state"], how="left").select(*CONTENTS)


def unchanged(recordings: pl.DataFrame) -> pl.Series:
    """(n,) whether recordings, as of ``contents``, still are what they were then.

    False where that was not known. What is in a store is not asked again.
    """
    same = [
        digest is not None
        and ((file := Location.parse(path)).in_store or file_state(file.path) == state)
        for path, state, digest in recordings.select(*CONTENTS).iter_rows()
    ]
    return pl.Series(same, dtype=pl.Boolean)


def _states(paths: pl.Series) -> pl.DataFrame:
    """path, and the state of its file: empty where there is none or it cannot be told."""
    files: list[Location | None] = []
    for path in paths:
        try:
            files.append(Location.parse(path))
        except AudioError:
            files.append(None)
    stored = sorted({each.path for each in files if each is not None and each.in_store})
    states = dict(zip(stored, map_in_threads(stored_state, stored), strict=True))
    states |= {
        path: file_state(path)
        for path in {each.path for each in files if each is not None and not each.in_store}
    }
    of_each = ["" if each is None else states[each.path] for each in files]
    return pl.DataFrame({"path": paths, "state": of_each}, schema_overrides={"state": pl.String})


def _content(recording: tuple[str, str]) -> str | None:
    """What to know a recording at a path, in a state, by; None where it cannot be read."""
    path, state = recording
    location = Location.parse(path)
    if location.in_store:
        return f"{path} {state}"
    try:
        if location.plain_file:
            return audio_digest(location.path)
        return KIND + hashlib.sha256(read_bytes(location)).hexdigest()[:DIGITS]
    except (OSError, AudioError):
        return None

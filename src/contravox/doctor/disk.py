"""Room on a disk that contravox writes to."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

LEAST = 10**9
"""Bytes below which a training run or a cache of embeddings may fill the disk."""


@dataclass(frozen=True)
class Disk:
    """purpose: what is written to the folder. free: in bytes. problem: or None."""

    folder: str
    purpose: str
    free: int | None
    problem: str | None


def disk(folder: Path, purpose: str) -> Disk:
    """That of a folder, which need not be there yet."""
    # What is not there yet will be made.
    there = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Disk(str(folder), purpose, None, f"cannot be looked at ({error.strerror})")
    if not os.access(there, os.W_OK):
        return Disk(str(folder), purpose, free, "cannot be written")
    return Disk(str(folder), purpose, free, "almost full" if free < LEAST else None)

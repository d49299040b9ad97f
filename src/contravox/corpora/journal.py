"""Headers that were read already, so that an interrupted preparation goes on where it stopped."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from contravox.writing import atomic_path

HEADER = {
    "path": pl.String,
    "size": pl.Int64,
    "modified": pl.Int64,
    "seconds": pl.Float64,
    "sample_rate": pl.Int64,
    "digest": pl.String,
    "reason": pl.String,
}
"""A file, its size in bytes and when it was modified (ns), and its header, or why it has none."""


@dataclass(frozen=True)
class Journal:
    """folder: holds a Parquet file for each block of headers; each appears whole or not at all."""

    folder: Path

    def read(self) -> pl.DataFrame:
        """The headers of files that have not changed since."""
        blocks = sorted(self.folder.glob("*.parquet"))
        if not blocks:
            return pl.DataFrame(schema=HEADER)
        headers = pl.concat(pl.read_parquet(block, glob=False) for block in blocks)
        now = pl.DataFrame(
            [size_and_time(path) for path in headers["path"]],
            schema={"size_now": pl.Int64, "modified_now": pl.Int64},
            orient="row",
        )
        same = (now["size_now"] == headers["size"]) & (now["modified_now"] == headers["modified"])
        return headers.filter(same).unique("path", keep="last")

    def append(self, headers: pl.DataFrame) -> None:
        """Keep a block of headers. Raises OutputError."""
        number = len(list(self.folder.glob("*.parquet")))
        with atomic_path(self.folder / f"{number:06d}.parquet") as temporary:
            headers.write_parquet(temporary)

    def remove(self) -> None:
        """Forget all: the preparation is done."""
        shutil.rmtree(self.folder, ignore_errors=True)


def size_and_time(path: str) -> tuple[int, int]:
    """Size in bytes and time of modification in ns; -1 where there is no such file."""
    try:
        status = os.stat(path)
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns

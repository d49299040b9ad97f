"""What was read of files already, so that the next run need not read them again."""

import hashlib
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from contravox.writing import atomic_path


@dataclass(frozen=True)
class Journal:
    """Rows that are added in blocks and read all at once.

    folder: holds a Parquet file for each block, which appears whole or not at all and is never
    written again, so that several processes may add to one journal. schema: of the rows.
    """

    folder: Path
    schema: Mapping[str, type[pl.DataType]]

    def read(self) -> pl.DataFrame:
        """All rows. A block that is damaged, or of another version of contravox, is forgotten."""
        whole = [pl.DataFrame(schema=self.schema)]
        for path in sorted(self.folder.glob("*.parquet")):
            block = self._read_block(path)
            if block is None:
                with suppress(OSError):
                    path.unlink()
            else:
                whole.append(block)
        return pl.concat(whole)

    def append(self, rows: pl.DataFrame) -> None:
        """Add a block of rows, under a name that only the same rows have. Raises OutputError."""
        name = hashlib.sha256(rows.write_csv().encode()).hexdigest()[:32]
        with atomic_path(self.folder / f"{name}.parquet") as temporary:
            rows.write_parquet(temporary)

    def remove(self) -> None:
        """Forget all."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read_block(self, path: Path) -> pl.DataFrame | None:
        # Whatever a damaged file makes of a reader, it is of no use; panics of polars included.
        try:
            block = pl.read_parquet(path, glob=False)
        except (Exception, pl.exceptions.PanicException):
            return None
        return block if block.schema == pl.Schema(self.schema) else None

"""What was read of files already, so that the next run need not read them again."""

import hashlib
import io
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from contravox.files.writing import write_bytes


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
        """Add a block of rows, under a name that only its bytes have. Raises OutputError."""
        file = io.BytesIO()
        rows.write_parquet(file)
        data = file.getvalue()
        write_bytes(self.folder / f"{_digest(data)}.parquet", data)

    def remove(self) -> None:
        """Forget all."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read_block(self, path: Path) -> pl.DataFrame | None:
        # Damaged bytes can bring the parser down, and the process with it: it never sees any.
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if _digest(data) != path.stem:
            return None
        block = pl.read_parquet(io.BytesIO(data))
        return block if block.schema == pl.Schema(self.schema) else None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]

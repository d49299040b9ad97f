"""What was written to a shard, and whether that is still there and of the same recordings."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from contravox.audio.storage import Location, file_state, stored_size
from contravox.errors import AudioError
from contravox.files.writing import atomic_path

INDEX = {
    "utterance": pl.String,
    "source": pl.String,
    "first": pl.Int64,
    "last": pl.Int64,
    "duration": pl.Float64,
    "reason": pl.String,
    "shard_bytes": pl.Int64,
}
"""Columns of an index, a row for each utterance in the order of the shard: the state that its
recording's file was in, its first and last byte and its seconds, or why it was left out; and the
size of the whole shard."""


@dataclass(frozen=True)
class ShardIndex:
    """path: of the index; shard: the file, or its URL; utterances: rows of the manifest."""

    path: Path
    shard: str
    utterances: pl.DataFrame

    def write(self, rows: pl.DataFrame) -> None:
        """Write the columns of ``INDEX``, once the shard is in its place. Raises OutputError."""
        with atomic_path(self.path) as temporary:
            rows.write_csv(temporary, separator="\t")

    def read(self) -> pl.DataFrame | None:
        """The columns of ``INDEX``; None where the shard is to be written.

        That is where the index or the shard is not there or not whole, or a recording was replaced
        since. One that is gone since is as it was: originals may be deleted.

        Raises StorageError where the store does not answer.
        """
        if not self.path.is_file():
            return None
        try:
            rows = pl.read_csv(self.path, separator="\t", schema=INDEX, glob=False)
        # Whatever a damaged file makes of the reader, it is of no use; its panics included.
        except (Exception, pl.exceptions.PanicException):
            return None
        if not rows["utterance"].equals(self.utterances["utterance"]):
            return None
        sizes = rows["shard_bytes"].unique().to_list()
        if sizes != [self._size()] or not self._has_places(rows, sizes[0]):
            return None
        now = pl.Series([source_state(path) for path in self.utterances["path"]], dtype=pl.String)
        replaced = (now != "") & (now != rows["source"].fill_null(""))
        return None if replaced.any() else rows

    def _size(self) -> int | None:
        """Bytes of the shard as it is now; None where it is not there."""
        if Location(self.shard).in_store:
            return stored_size(self.shard)
        file = Path(self.shard)
        return file.stat().st_size if file.is_file() else None

    def _has_places(self, rows: pl.DataFrame, size: int) -> bool:
        """Whether each utterance has a place of its own in the shard, or a reason for none."""
        held = rows.filter(pl.col("reason").is_null())
        before = pl.col("last").shift(1, fill_value=-1)
        within = (pl.col("first") > before) & (pl.col("last") >= pl.col("first"))
        right = within & (pl.col("last") < size) & (pl.col("duration") > 0)
        return bool(held.select(right.fill_null(False).all()).item())


def source_state(path: str) -> str:
    """The state of the file that a recording lies in; "" in a store, or where there is none."""
    try:
        location = Location.parse(path)
    except AudioError:
        return ""
    return "" if location.in_store else file_state(location.path)

"""Recordings that cannot be read, and are left out of training."""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.data.dataset import Unreadable
from contravox.data.replacement import Replacement
from contravox.data.sampling import SegmentRequest
from contravox.errors import TrainingError, TrainingWarning
from contravox.files.tables import write_table
from contravox.files.writing import unwritable

NAME = "unreadable.tsv"


class LeftOut:
    """Counts and names what cannot be read, and says when it is too much.

    names: (n,) of the manifest's utterances; labels: (k·n,) of the dataset's rows. share: of the
    utterances, 0 to 1, that may be left out. listed: the file that names them. writes: whether this
    is the process that writes it and warns. known: those of a run that is resumed.
    """

    def __init__(
        self,
        names: pl.Series,
        labels: NDArray[np.int64],
        *,
        share: float,
        listed: Path,
        writes: bool,
        known: Iterable[Unreadable] = (),
    ) -> None:
        self.names = names
        self.share = share
        self.listed = listed
        self.writes = writes
        self.replacement = Replacement(labels)
        self.gone = np.zeros(len(labels), dtype=bool)
        self.found: dict[tuple[int | None, str], str] = {}
        self._add(known)

    def __len__(self) -> int:
        """How many utterances are left out."""
        return len({row for row, _ in self.found if row is not None})

    @property
    def entries(self) -> list[tuple[int | None, str, str]]:
        """What was found, plain enough for a checkpoint."""
        return [(row, path, reason) for (row, path), reason in self.found.items()]

    def replaced(self, batch: Sequence[SegmentRequest]) -> list[SegmentRequest]:
        """A batch without what is known to be unreadable. Raises TrainingError; see Replacement."""
        return self.replacement.batch(batch, self.gone) if self.found else list(batch)

    def note(self, found: Iterable[Unreadable]) -> None:
        """Take note of more, and name them in ``unreadable.tsv``.

        Raises TrainingError where too many are left out; OutputError. Warns with TrainingWarning of
        the first.
        """
        before = len(self.found)
        reason = self._add(found)
        if len(self.found) == before:
            return
        self.write()
        if len(self) > self.share * len(self.names):
            raise TrainingError(
                f"{reason}: {len(self):,} of {len(self.names):,} utterances cannot be read"
                f", all in {self.listed}: mend them, or allow more by data.unreadable_share, which "
                f"is {self.share:g}, and go on with --resume"
            )
        if self.writes and not before:
            warnings.warn(
                f"left out, all in {self.listed}: {reason}", TrainingWarning, stacklevel=2
            )

    def _add(self, found: Iterable[Unreadable]) -> str:
        """Give the reason of the last."""
        reason = ""
        for each in found:
            reason = " ".join(each.reason.split())
            self.found.setdefault((each.utterance, each.path), reason)
            if each.utterance is not None:
                # At every speed.
                self.gone[each.utterance :: len(self.names)] = True
        return reason

    def write(self) -> None:
        """Name what was found in ``unreadable.tsv``, or remove it. Raises OutputError."""
        if not self.writes:
            return
        if not self.found:
            # It would be of another training, or tell of what is mended.
            try:
                self.listed.unlink(missing_ok=True)
            except OSError as error:
                raise unwritable(self.listed, error) from error
            return
        rows = [
            ("(noise)" if row is None else self.names[row], *rest) for row, *rest in self.entries
        ]
        schema = ["utterance", "path", "reason"]
        write_table(self.listed, pl.DataFrame(rows, schema=schema, orient="row"))

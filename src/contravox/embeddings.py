"""Embeddings of named utterances, in memory and in one file."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.errors import ModelError, TrialsError
from contravox.writing import atomic_path


@dataclass(frozen=True)
class Embeddings:
    """utterances: n names, each once; vectors: (n, d) float32, not normalised."""

    utterances: list[str]
    vectors: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.utterances)

    def save(self, path: str | Path) -> None:
        """Write a NumPy ``.npz`` archive with ``utterances`` and ``embeddings``.

        Raises OutputError.
        """
        with atomic_path(Path(path)) as temporary, open(temporary, "wb") as file:
            np.savez(file, utterances=np.array(self.utterances), embeddings=self.vectors)

    @classmethod
    def load(cls, path: str | Path) -> "Embeddings":
        """Read what ``save`` wrote. Nothing in the file is executed. Raises ModelError."""
        path = Path(path)
        if not path.is_file():
            raise ModelError(f"{path}: no such file of embeddings: `contravox embed` writes one")
        try:
            with np.load(path, allow_pickle=False) as archive:
                utterances, vectors = archive["utterances"], archive["embeddings"]
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(
                f"{path}: not a whole file of embeddings ({error}): "
                "write it again with `contravox embed`"
            ) from error
        return cls(utterances.tolist(), vectors.astype(np.float32, copy=False))

    def rows(self, utterances: Sequence[str] | pl.Series) -> NDArray[np.int64]:
        """(k,) rows of the ``utterances`` named. Raises TrialsError for one that is not here."""
        index = pl.DataFrame({"utterance": self.utterances}).with_row_index("row")
        wanted = pl.DataFrame({"utterance": utterances}, schema={"utterance": pl.String})
        rows = wanted.join(index, on="utterance", how="left", maintain_order="left")["row"]
        missing = rows.is_null().arg_true()
        if len(missing):
            raise TrialsError(
                f"{len(missing)} utterances have no embedding, such as "
                f"{wanted['utterance'][int(missing[0])]!r}: embed the manifest that the trials name"
            )
        return rows.cast(pl.Int64).to_numpy()

    @classmethod
    def joined(cls, several: Sequence["Embeddings"]) -> "Embeddings":
        """All of several. Raises ModelError where their sizes differ, or they share a name."""
        if len({each.vectors.shape[1] for each in several}) > 1:
            raise ModelError(
                "the files hold embeddings of different sizes: take those of one model"
            )
        names = [name for each in several for name in each.utterances]
        if len(set(names)) < len(names):
            raise ModelError("the files share names of utterances: give each utterance once")
        return cls(names, np.concatenate([each.vectors for each in several]))

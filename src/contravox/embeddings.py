"""Embeddings of named utterances, in memory and in one file."""

import math
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.errors import ModelError, TrialsError, brief, quoted
from contravox.files.writing import atomic_path

ARRAYS = ("utterances", "embeddings")

ZIP = b"PK"
"""How an archive begins, a .npz too, even where its end is missing."""

MADE_FROM, LABELS_USED = "made_from", "labels_used"
"""Arrays of a file that tell which command made it, and whether its model had read labels."""

MOST_UNPACKED, MOST_PACKED = 2**30, 100
"""An array above a GiB that is a hundred times its size in the file is no embeddings."""


@dataclass(frozen=True)
class Embeddings:
    """utterances: n names, each once; vectors: (n, d) float32, not normalised."""

    utterances: list[str]
    vectors: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.utterances)

    def __post_init__(self) -> None:
        _check_shape(self.vectors, len(self.utterances), "embeddings")

    @classmethod
    def of_arrays(cls, utterances: NDArray, vectors: NDArray, place: str | Path) -> "Embeddings":
        """Embeddings from arrays of anybody's, once they are looked at.

        utterances: (n,) text, each name once. vectors: (n, d) real numbers of any precision, order
        and endianness. place: where they are from, for the message.

        Raises ModelError.
        """
        if utterances.ndim != 1 or utterances.dtype.kind not in "US":
            raise ModelError(
                f"{place}: utterances are {_described(utterances)}: give (n,) names as text"
            )
        if vectors.dtype.kind not in "fiu":
            raise ModelError(f"{place}: embeddings are {_described(vectors)}: give real numbers")
        _check_shape(vectors, len(utterances), place)
        try:
            if utterances.dtype.kind == "S":
                utterances = np.char.decode(utterances, "utf-8")
            if not _has_characters(utterances):
                raise ValueError("numbers that are no character")
            names = pl.Series(utterances.tolist(), dtype=pl.String)
        except (UnicodeError, ValueError) as error:
            raise ModelError(f"{place}: utterances are not UTF-8: give names as text") from error
        blank = names.str.strip_chars() == ""
        if blank.any():
            raise ModelError(f"{place}: utterance {blank.arg_true()[0]} has a blank name: name it")
        twice = names.filter(names.is_duplicated())
        if len(twice):
            raise ModelError(
                f"{place}: utterance {quoted(twice[0])} is there twice: give each utterance once"
            )
        with np.errstate(over="ignore"):
            vectors = np.ascontiguousarray(vectors, np.float32)
        _check_finite(names, vectors, place)
        directed = (vectors != 0).any(axis=1)
        if not directed.all():
            _refuse_row(names, directed, "is zero and has no direction", place)
        return cls(names.to_list(), vectors)

    def save(
        self, path: str | Path, *, made_from: str | None = None, labels_used: bool | None = None
    ) -> None:
        """Write a NumPy ``.npz`` archive with ``utterances`` and ``embeddings``.

        made_from: a name for the model and the manifest. labels_used: whether the model was trained
        with speaker labels. The functions of these names find them.

        Raises OutputError, ModelError where a value is not finite.
        """
        _check_finite(self.utterances, self.vectors, path)
        with atomic_path(Path(path)) as temporary, open(temporary, "wb") as file:
            noted = {MADE_FROM: made_from, LABELS_USED: labels_used}
            known: dict[str, Any] = {
                name: np.array(value) for name, value in noted.items() if value is not None
            }
            names = np.array(self.utterances, str)
            np.savez(file, utterances=names, embeddings=self.vectors, **known)

    @classmethod
    def load(cls, path: str | Path) -> "Embeddings":
        """Read what ``save`` wrote, or what holds the same arrays; see ``of_arrays``.

        Nothing in the file is executed. Raises ModelError.
        """
        path = Path(path)
        if not path.is_file():
            raise ModelError(f"{path}: no such file of embeddings: `contravox embed` writes one")
        try:
            with open(path, "rb") as file:
                packed = file.read(len(ZIP)) == ZIP
            if not packed:
                raise ModelError(
                    f"{path}: not a .npz archive, the only kind of embeddings that is read: write "
                    f"it by `contravox embed -o NAME.npz`, or by NumPy of {' and '.join(ARRAYS)}"
                )
            with zipfile.ZipFile(path) as archive:
                for name in ARRAYS:
                    _check_size(archive, f"{name}.npy")
            with np.load(path, allow_pickle=False) as archive:
                utterances, vectors = (archive[name] for name in ARRAYS)
        except ModelError:
            raise
        # NumPy, zipfile and zlib have a dozen ways to say that bytes are not theirs.
        except Exception as error:
            raise ModelError(
                f"{path}: not a whole file of embeddings ({brief(str(error))}): write a .npz "
                f"archive of {' and '.join(ARRAYS)}, as `contravox embed` does"
            ) from error
        return cls.of_arrays(utterances, vectors, path)

    def rows(self, utterances: Sequence[str] | pl.Series) -> NDArray[np.int64]:
        """(k,) rows of the ``utterances`` named. Raises TrialsError for one that is not here."""
        named = pl.Series("utterance", self.utterances, dtype=pl.String)
        index = named.to_frame().with_row_index("row")
        wanted = pl.DataFrame({"utterance": utterances}, schema={"utterance": pl.String})
        rows = wanted.join(index, on="utterance", how="left", maintain_order="left")["row"]
        # Trials name the same utterance many times.
        missing = wanted["utterance"].filter(rows.is_null()).unique(maintain_order=True)
        if len(missing):
            raise TrialsError(
                f"{len(missing):,} utterances have no embedding, such as {quoted(missing[0])}: "
                "embed the manifest that the trials name"
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


def made_from(path: Path) -> str | None:
    """What ``save`` noted in a file; None where it did not, or the file is no such archive."""
    noted = _noted(path, MADE_FROM)
    if noted is None or not _has_characters(noted):
        return None
    return str(noted)


def _has_characters(text: NDArray) -> bool:
    """Whether an array of text holds nothing but characters; Python and Polars fail with others."""
    if text.dtype.kind != "U" or not text.dtype.itemsize:
        return True
    codes = np.frombuffer(text.tobytes(), f"{text.dtype.str[0]}u4")
    surrogates = (codes >= 0xD800) & (codes <= 0xDFFF)
    return not (surrogates | (codes > sys.maxunicode)).any()


def labels_used(path: Path) -> bool | None:
    """Likewise, whether the model of the embeddings in a file was trained with speaker labels."""
    noted = _noted(path, LABELS_USED)
    return bool(noted) if noted is not None and noted.dtype == bool and noted.ndim == 0 else None


def _noted(path: Path, name: str) -> NDArray | None:
    """An array beside the embeddings in a file; None where there is none that can be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_size(archive, f"{name}.npy")
        with np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays[name])
    except Exception:
        return None


def _described(array: NDArray) -> str:
    return f"an array of {brief(str(array.dtype), 40)} of the shape {brief(str(array.shape), 40)}"


def _check_shape(vectors: NDArray, names: int, place: str | Path) -> None:
    """Raises ModelError where ``vectors`` is not (names, d)."""
    if vectors.ndim != 2 or vectors.shape[1] == 0:
        raise ModelError(
            f"{place}: embeddings are {_described(vectors)}: give (n, d), a row for each of the "
            f"{names:,} utterances"
        )
    if len(vectors) != names:
        turned = ": it is transposed" if vectors.shape[1] == names else ""
        raise ModelError(
            f"{place}: {names:,} utterances, but embeddings of the shape {vectors.shape}{turned}: "
            "give a row for each utterance"
        )


def _check_finite(names: Sequence[str] | pl.Series, vectors: NDArray, place: str | Path) -> None:
    """Raises ModelError naming the first of the (n,) ``names`` whose row is not finite."""
    finite = np.isfinite(vectors)
    if not finite.all():
        _refuse_row(names, finite.all(axis=1), "is not finite in 32 bits", place)


def _refuse_row(
    names: Sequence[str] | pl.Series, usable: NDArray[np.bool_], fault: str, place: str | Path
) -> None:
    raise ModelError(
        f"{place}: the embedding of {quoted(names[int(np.argmin(usable))])} {fault}: "
        "look at the recording and the model, and embed it again"
    )


def _check_size(archive: zipfile.ZipFile, member: str) -> None:
    """Raises ValueError where an array claims more than the file can sensibly hold."""
    info = archive.getinfo(member)
    with archive.open(info) as file:
        first = np.lib.format.read_magic(file) == (1, 0)
        read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > info.file_size:
        raise ValueError(f"{member} claims {claimed:.3g} bytes and holds {info.file_size:,}")
    if info.file_size > max(MOST_UNPACKED, MOST_PACKED * info.compress_size):
        raise ValueError(f"{member} would unpack from {info.compress_size:,} to {claimed:,} bytes")

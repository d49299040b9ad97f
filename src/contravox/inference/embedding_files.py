"""Embeddings in files of other kinds than our own: Kaldi's and Parquet."""

import struct
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import polars as pl

from contravox.embeddings import Embeddings
from contravox.errors import ModelError, OutputError, quoted
from contravox.files.writing import atomic_path


def other_files(path: Path) -> tuple[Path, ...]:
    """The files that embeddings named ``path`` are written to, where it is not a ``.npz``.

    Raises OutputError where its ending is of no kind that is known.
    """
    if path.suffix in (".ark", ".scp"):
        return path.with_suffix(".ark"), path.with_suffix(".scp")
    if path.suffix == ".parquet":
        return (path,)
    raise OutputError(
        f"{path}: embeddings are written to .npz, .ark with .scp, or .parquet: name it so"
    )


def write_embeddings(path: Path, embeddings: Embeddings) -> None:
    """Write ``other_files``, all of them or none. Raises OutputError, ModelError."""
    kinds: dict[str, Callable[[Path, Embeddings], None]] = {
        ".ark": _write_kaldi,
        ".scp": _write_kaldi,
        ".parquet": _write_parquet,
    }
    kinds[path.suffix](path, embeddings)


def _write_kaldi(path: Path, embeddings: Embeddings) -> None:
    """Vectors of 32-bit floats in Kaldi's binary archive, and where in it each begins.

    The list names the archive by its whole path, so that it can be read from any folder.
    """
    for name in embeddings.utterances:
        if name.split() != [name]:
            raise ModelError(
                f"{path}: utterance {quoted(name)} is blank or holds a blank, which ends a "
                "name in Kaldi's files: write .npz or .parquet, or name it otherwise"
            )
    archive, places = other_files(path)
    target = str(archive.resolve())
    size = embeddings.vectors.shape[1]
    # A mark of binary, a type, and the bytes of the length with the length.
    head = b"\0BFV \4" + struct.pack("<i", size)
    with ExitStack() as stack:
        listed = stack.enter_context(atomic_path(places))
        data = stack.enter_context(atomic_path(archive))
        with open(data, "wb") as binary, open(listed, "w", encoding="utf-8") as text:
            vectors = embeddings.vectors.astype("<f4", copy=False)
            for name, vector in zip(embeddings.utterances, vectors, strict=True):
                binary.write(f"{name} ".encode())
                text.write(f"{name} {target}:{binary.tell()}\n")
                binary.write(head + vector.tobytes())


def _write_parquet(path: Path, embeddings: Embeddings) -> None:
    """Columns ``utterance`` and ``embedding``, an array of 32-bit floats of one length."""
    table = pl.DataFrame(
        {"utterance": embeddings.utterances, "embedding": embeddings.vectors},
        schema={
            "utterance": pl.String,
            "embedding": pl.Array(pl.Float32, embeddings.vectors.shape[1]),
        },
    )
    with atomic_path(path) as temporary:
        table.write_parquet(temporary)

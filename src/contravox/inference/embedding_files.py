"""Embeddings in files of other kinds than our own: Kaldi's and Parquet."""

import struct
from contextlib import ExitStack
from pathlib import Path

from contravox.embedding_model import EmbeddingModel
from contravox.embeddings import Embeddings
from contravox.errors import ModelError, OutputError, quoted
from contravox.files.writing import atomic_path, write_bytes
from contravox.inference.embed import Embedded
from contravox.inference.embedding_table import embedding_table, table_bytes
from contravox.manifest import Manifest


def other_files(path: Path) -> tuple[Path, ...]:
    """The files that embeddings named ``path`` are written to, where it is not a ``.npz``.

    Raises OutputError where its ending is of no kind that is known.
    """
    if path.suffix in (".ark", ".scp"):
        return path.with_suffix(".ark"), path.with_suffix(".scp")
    if path.suffix == ".parquet":
        return (path,)
    raise OutputError(
        f"{path}: embeddings are written to .npz, .ark with .scp, .parquet, or a folder whose name "
        "has no ending: name it so"
    )


def write_embeddings(
    path: Path, model: EmbeddingModel, manifest: Manifest, embedded: Embedded
) -> None:
    """Write ``other_files``, all of them or none. Raises OutputError, ModelError.

    embedded: by the model, of the manifest; for ``.parquet`` with the seconds of speech.
    """
    if path.suffix == ".parquet":
        write_bytes(path, table_bytes(embedding_table(model, manifest, embedded)))
    else:
        _write_kaldi(path, embedded.embeddings)


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

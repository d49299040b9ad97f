"""Embeddings as a table, beside what a database of speakers wants to know of each."""

import io

import polars as pl

from contravox.embedding_model import EmbeddingModel
from contravox.errors import ModelError, brief
from contravox.inference.embed import Embedded
from contravox.manifest import Manifest


def table_schema(model: EmbeddingModel) -> dict[str, pl.DataType]:
    """Of the table's columns; see ``embedding_table``."""
    return {
        "utterance": pl.String(),
        "speaker": pl.String(),
        "embedding": pl.Array(pl.Float32, model.embedding_size),
        "speech_seconds": pl.Float64(),
        "model": pl.String(),
    }


def embedding_table(model: EmbeddingModel, manifest: Manifest, embedded: Embedded) -> pl.DataFrame:
    """A row for each of n embedded utterances of a manifest, in their order.

    utterance and speaker as in the manifest; embedding: d 32-bit floats; speech_seconds: of speech
    in the utterance, as ``speech_frames`` finds it; model: the digest of that which embedded it.
    """
    names = pl.Series("utterance", embedded.embeddings.utterances, dtype=pl.String)
    speakers = manifest.table.select("utterance", "speaker")
    table = names.to_frame().join(speakers, on="utterance", how="left", maintain_order="left")
    return table.with_columns(
        embedding=pl.Series(
            embedded.embeddings.vectors, dtype=pl.Array(pl.Float32, model.embedding_size)
        ),
        speech_seconds=pl.Series(embedded.speech_seconds, dtype=pl.Float64),
        model=pl.lit(model.digest),
    )


def table_bytes(table: pl.DataFrame) -> bytes:
    """A Parquet file of a table."""
    file = io.BytesIO()
    table.write_parquet(file)
    return file.getvalue()


def read_table_bytes(data: bytes, name: str, model: EmbeddingModel) -> pl.DataFrame:
    """What ``table_bytes`` wrote. name: of the file, for messages. Raises ModelError."""
    try:
        table = pl.read_parquet(io.BytesIO(data))
    # Whatever damaged bytes make of the reader; its panics included.
    except (Exception, pl.exceptions.PanicException) as error:
        raise ModelError(
            f"{name}: not a whole Parquet file ({brief(str(error))}): remove it, and start again"
        ) from error
    if table.schema != pl.Schema(table_schema(model)):
        raise ModelError(f"{name}: has other columns than embeddings of this model: remove it")
    return table

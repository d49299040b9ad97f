"""What an epoch holds of each corpus."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from contravox.data.sampling import SegmentRequest
from contravox.training.training_set import TrainingSet, corpus_names


class CorpusInEpoch(NamedTuple):
    """segments: of this corpus; share: of all segments, 0 to 1; utterances: that they are of.

    identities: that those are of, the speakers or in training without labels the utterances;
    largest: the largest share of all segments that is of one of them.
    """

    segments: int
    share: float
    utterances: int
    identities: int
    largest: float


def corpora_in_epoch(
    corpus: TrainingSet, batches: Sequence[Sequence[SegmentRequest]]
) -> dict[str, CorpusInEpoch]:
    """Count an epoch's batches, by the name of the corpus, empty where the manifest has none."""
    rows = np.fromiter((request.utterance for batch in batches for request in batch), np.int64)
    manifest = corpus.manifest
    table = pl.DataFrame(
        {
            "corpus": corpus_names(manifest),
            "utterance": manifest.table["utterance"],
            "identity": corpus.identities,
        }
    )[rows % len(manifest)]
    counts = table.group_by("corpus", "identity").agg(
        pl.len().alias("segments"), pl.col("utterance").n_unique().alias("utterances")
    )
    found = counts.group_by("corpus").agg(
        pl.col("segments").sum().alias("sum"),
        pl.col("utterances").sum(),
        pl.len().alias("identities"),
        pl.col("segments").max().alias("most"),
    )
    return {
        name: CorpusInEpoch(
            segments, segments / len(rows), utterances, identities, most / len(rows)
        )
        for name, segments, utterances, identities, most in found.sort("corpus").rows()
    }

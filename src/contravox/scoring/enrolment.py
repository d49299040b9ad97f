"""Embeddings of enrolments from those of their utterances."""

import numpy as np
import polars as pl

from contravox.embeddings import Embeddings
from contravox.enrolments import Enrolments
from contravox.scoring.cosine import unit_rows


def enrol(embeddings: Embeddings, enrolments: Enrolments) -> Embeddings:
    """The mean, for each enrolment, of the embeddings behind it, each first scaled to length 1.

    So every utterance has the same say, however long its embedding is.

    Raises TrialsError for an utterance without embedding, ValueError for one without direction.
    """
    rows = pl.Series(embeddings.rows(enrolments.table["utterance"]))
    table = enrolments.table.with_columns(row=rows).sort("enrolment", maintain_order=True)
    counts = table.group_by("enrolment", maintain_order=True).len()
    starts = np.cumsum([0, *counts["len"][:-1]])
    units = unit_rows(embeddings.vectors[table["row"].to_numpy()])
    means = np.add.reduceat(units, starts, axis=0) / counts["len"].to_numpy()[:, None]
    return Embeddings(counts["enrolment"].to_list(), means.astype(np.float32))

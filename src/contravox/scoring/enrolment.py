"""Enrolments from the embeddings of their utterances."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contravox.embeddings import Embeddings
from contravox.numbering import number_names
from contravox.scoring.cosine import unit_rows
from contravox.scoring.group_means import group_means
from contravox.trials.enrolments import Enrolments

EnrolmentMethod = Literal["mean of unit embeddings", "mean of embeddings", "mean of scores"]
"""How several utterances enrol a speaker; every result names it."""


def enrol(
    embeddings: Embeddings,
    enrolments: Enrolments,
    method: EnrolmentMethod = "mean of unit embeddings",
) -> Embeddings:
    """Vectors of enrolments, whose inner products with test embeddings of length 1 are the scores.

    - ``mean of unit embeddings``: every utterance has the same say. The mean is scaled to length 1.
    - ``mean of embeddings``: long embeddings say more. The mean is scaled to length 1.
    - ``mean of scores``: the score is the mean of the utterances' cosine scores. That of unit
      vectors u₁ … u_n with a test t is (1/n) Σ uᵢ·t = ((1/n) Σ uᵢ)·t, so it is the mean of unit
      embeddings once more, not scaled: utterances that disagree give a lower score.

    Raises TrialsError for an utterance without embedding, ScoringError for one without direction.
    """
    if method != "mean of embeddings":
        embeddings = _unit_embeddings(embeddings, enrolments)
    enrolled, _ = enrolment_means(embeddings, enrolments)
    if method == "mean of scores":
        return enrolled
    return Embeddings(
        enrolled.utterances, unit_rows(enrolled.vectors, "enrolments", enrolled.utterances)
    )


def enrolment_means(
    embeddings: Embeddings, enrolments: Enrolments
) -> tuple[Embeddings, NDArray[np.int64]]:
    """The mean embedding of each enrolment as it is, and how many utterances are behind it, (m,).

    Enrolments are sorted by name. Raises TrialsError for an utterance without embedding.
    """
    names = enrolments.table["enrolment"]
    groups = number_names(names).to_numpy().astype(np.int64)
    rows = embeddings.rows(enrolments.table["utterance"])
    means, counts = group_means(embeddings.vectors, rows, groups)
    return Embeddings(names.unique().sort().to_list(), means), counts


def _unit_embeddings(embeddings: Embeddings, enrolments: Enrolments) -> Embeddings:
    """The embeddings that the enrolments need, at length 1."""
    names = enrolments.utterances
    chosen = embeddings.vectors[embeddings.rows(names)]
    return Embeddings(names.to_list(), unit_rows(chosen, "embeddings", names.to_list()))

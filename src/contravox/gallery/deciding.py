"""What decides in a gallery, and between all of its speakers and nobody."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from contravox.embedding_model import ModelDescription
from contravox.errors import ScoringError
from contravox.gallery.settings import GallerySettings
from contravox.inference.deciding import Rule

EVEN = 0.5


def rule_of(model: ModelDescription, gallery: GallerySettings, *, normalised: bool = False) -> Rule:
    """The gallery's calibration, its threshold, or else the model's rule.

    normalised: whether scores are, of which the model's rule says nothing.
    """
    if gallery.calibration is not None:
        return Rule(gallery.calibration, None, "the gallery's calibration")
    if gallery.threshold is not None:
        return Rule(None, gallery.threshold, "the gallery's threshold")
    return Rule(None, None, None) if normalised else Rule.of(model)


def open_set_posteriors(
    ratios: NDArray[np.float64], known: float = EVEN
) -> tuple[NDArray[np.float64], float]:
    """Probability that a recording is of each speaker, (n,), and that it is of none of them.

    With the probability ``known`` that somebody enrolled speaks, each of n with the same, and log-
    likelihood ratios rᵢ of each against a stranger, Bayes' rule gives
    pᵢ = (known/n)·e^rᵢ / ((1 − known) + (known/n)·Σⱼ e^rⱼ).

    ratios: (n,), of which -inf is nobody and does not count. Raises ScoringError where ``known`` is
    not between 0 and 1.
    """
    if not 0 < known < 1:
        raise ScoringError(f"prior {known}: give a probability between 0 and 1")
    there = int(np.isfinite(ratios).sum())
    if not there:
        return np.zeros(len(ratios)), 1.0
    weights = np.append(ratios + np.log(known / there), np.log1p(-known))
    posteriors = special.softmax(weights)
    return posteriors[:-1], float(posteriors[-1])

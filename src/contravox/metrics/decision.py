"""From a log-likelihood ratio to a probability and a decision, for a stated prior and costs.

The one place where a prior and costs are checked, and where the threshold they call for is found.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special


def posterior(log_likelihood_ratios: ArrayLike, p_target: float) -> NDArray[np.float64]:
    """Probability that both sides are one speaker, (k,), where ``p_target`` of trials are.

    log_likelihood_ratios: (k,), natural logarithm. Raises ValueError where ``p_target`` is not
    between 0 and 1.
    """
    return special.expit(np.asarray(log_likelihood_ratios) + special.logit(check_prior(p_target)))


def bayes_threshold(p_target: float, c_miss: float = 1.0, c_false_alarm: float = 1.0) -> float:
    """Log-likelihood ratio from which to accept, so that the expected cost is lowest.

    ln(C_fa·(1−P) / (C_miss·P)), for calibrated scores (Brümmer & du Preez 2006, Application-
    independent evaluation of speaker detection).

    Raises ValueError where ``p_target`` is not between 0 and 1 or a cost is not positive.
    """
    check_costs(c_miss, c_false_alarm)
    return math.log(c_false_alarm) - math.log(c_miss) - float(special.logit(check_prior(p_target)))


def check_prior(p_target: float) -> float:
    """Give ``p_target`` if it is between 0 and 1. Raises ValueError."""
    if not 0 < p_target < 1:
        raise ValueError(f"p_target must be between 0 and 1, got {p_target}")
    return p_target


def check_costs(c_miss: float, c_false_alarm: float) -> None:
    """Raise ValueError where a cost is not above 0, or is without end."""
    if not (0 < c_miss < math.inf and 0 < c_false_alarm < math.inf):
        raise ValueError(f"costs must be above 0 and finite, got {c_miss=} and {c_false_alarm=}")

"""Calibration: scores, of one system or several, to log-likelihood ratios."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from scipy import optimize, special

from contravox.errors import ScoringError
from contravox.metrics.decision import check_prior
from contravox.settings import Settings

RIDGE = 1e-6
"""Weight of a penalty on squared weights. It moves weights by less than a thousandth, but keeps
them finite where a threshold parts all targets from all non-targets. Log-likelihood ratios are then
some tens at most: the trials that could disprove more are not there."""


class Calibration(Settings):
    """An affine map to log-likelihood ratios (natural logarithm).

    offset: added to Σ weights[name]·column[name] over named columns: the scores of one or more
    systems, and measures of quality. p_target: the prior that training weighed errors by.
    """

    offset: float
    weights: dict[str, float]
    p_target: float = Field(0.5, gt=0, lt=1)

    @classmethod
    def learn(
        cls,
        columns: Mapping[str, ArrayLike],
        targets: NDArray[np.bool_],
        *,
        p_target: float = 0.5,
    ) -> "Calibration":
        """Learn on trials that are used for nothing else, by logistic regression.

        Minimises P·(mean over targets of ln(1 + e^−a)) + (1−P)·(mean over non-targets of
        ln(1 + e^a)), where a is the log-likelihood ratio + ln(P/(1−P)): the prior-weighted
        objective of Brümmer & du Preez 2006; with P = ½, Cllr. With several systems it is linear
        fusion (Brümmer et al. 2007); with measures of quality, quality-aware calibration
        (Thienpondt et al. 2021, arXiv 2010.11255). The columns are standardised first,
        so their scale does not matter.

        columns: (k,) by name; see ``calibration_columns`` for those that are not scores. targets:
        (k,) bool, True where both sides of the trial are one speaker. p_target: P, the prior
        probability of a target trial that matters most.

        Raises ScoringError for one kind of trial only, or a value that is not finite; ValueError
        for arrays that are not all (k,), no column, or a prior that is not between 0 and 1.
        """
        table = _stack(columns)
        targets = np.asarray(targets)
        if targets.shape != (len(table),) or targets.dtype != np.bool_:
            raise ValueError(
                f"targets must be ({len(table)},) bool, got {targets.shape} {targets.dtype}"
            )
        if targets.all() or not targets.any():
            raise ScoringError(
                "calibration needs target and non-target trials, got only "
                f"{'target' if targets.any() else 'non-target'} ones: add the missing kind"
            )
        prior_log_odds = float(special.logit(check_prior(p_target)))
        centre, scale = table.mean(axis=0), table.std(axis=0)
        # A column that never changes says nothing: it is all zeros, and its weight becomes zero.
        scale[scale <= 1e-12 * np.abs(centre)] = np.inf
        table -= centre
        table /= scale
        shares = np.where(targets, p_target / targets.sum(), (1 - p_target) / (~targets).sum())
        signs = np.where(targets, -1.0, 1.0)
        ridge = RIDGE * p_target * (1 - p_target) * np.append(np.ones(table.shape[1]), 0)

        def log_odds(parameters: NDArray) -> NDArray:
            return table @ parameters[:-1] + parameters[-1] + prior_log_odds

        def loss(parameters: NDArray) -> float:
            errors = np.logaddexp(0, signs * log_odds(parameters))
            return float(shares @ errors + ridge @ parameters**2 / 2)

        def gradient(parameters: NDArray) -> NDArray:
            slopes = shares * signs * special.expit(signs * log_odds(parameters))
            return np.append(slopes @ table, slopes.sum()) + ridge * parameters

        def hessian(parameters: NDArray) -> NDArray:
            probabilities = special.expit(log_odds(parameters))
            curvatures = shares * probabilities * (1 - probabilities)
            of_weights = (table * curvatures[:, None]).T @ table
            mixed = curvatures @ table
            return np.block([[of_weights, mixed[:, None]], [mixed, curvatures.sum()]]) + np.diag(
                ridge
            )

        # Convex, so there is one lowest point and the trust region leads there from anywhere.
        solution = optimize.minimize(
            loss,
            np.zeros(table.shape[1] + 1),
            jac=gradient,
            hess=hessian,
            method="trust-exact",
            options={"gtol": 1e-9, "maxiter": 200},
        ).x
        weights = solution[:-1] / scale
        return cls(
            offset=float(solution[-1] - weights @ centre),
            weights=dict(zip(columns, weights.tolist(), strict=True)),
            p_target=p_target,
        )

    def log_likelihood_ratios(self, columns: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
        """Log-likelihood ratio of each trial, (k,), from the columns (k,) learned on.

        Raises ScoringError where a column is missing or too many, or a value is not finite.
        """
        if set(columns) != set(self.weights):
            raise ScoringError(
                f"calibration was learned on {', '.join(sorted(self.weights))}, "
                f"got {', '.join(sorted(columns))}: give it the same"
            )
        table = _stack({name: columns[name] for name in self.weights})
        return table @ np.array(list(self.weights.values())) + self.offset


def _stack(columns: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
    """(k, c) from c columns (k,). Raises ScoringError naming the column and trial."""
    if not columns:
        raise ValueError("calibration needs at least one column of scores")
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) > 1 or len(shapes.pop()) != 1:
        found = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"columns must all be (k,), got {found}")
    for name, array in arrays.items():
        finite = np.isfinite(array)
        if not finite.all():
            trial = int(np.argmin(finite))
            raise ScoringError(f"{name}: trial {trial} is {array[trial]}: score it again")
    return np.stack(list(arrays.values()), axis=1)

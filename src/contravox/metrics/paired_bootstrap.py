"""Whether one system is better than another on the same trials, or other speakers might reverse it.

Both are measured on the very same draws of speakers: what makes a draw easy makes it so for both,
and cancels in the difference. Two intervals that overlap say nothing of this.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contravox.metrics.bootstrap import bootstrap_speakers, percentile_interval
from contravox.metrics.det_curve import det_curve
from contravox.metrics.detection_cost import lowest_costs
from contravox.metrics.error_rates import crossing

Interval = tuple[float, float]
SIGNIFICANCE = 0.05
"""Differences with a p-value below are significant."""


@dataclass(frozen=True)
class Difference:
    """One measure of two systems on the same trials; lower is better.

    measure: its name. p_target: the prior it belongs to, None for the equal error rate.
    first, second: its values. difference: second − first. relative: that over first, None where
    first is 0. The intervals hold 95 %; relative_interval is None where a replicate of the first is
    0. p_value: see ``paired_bootstrap``.
    """

    measure: str
    p_target: float | None
    first: float
    first_interval: Interval
    second: float
    second_interval: Interval
    difference: float
    interval: Interval
    relative: float | None
    relative_interval: Interval | None
    p_value: float

    @property
    def significant(self) -> bool:
        """Whether so large a difference is unlikely to be chance."""
        return self.p_value < SIGNIFICANCE

    @classmethod
    def of(
        cls,
        measure: str,
        p_target: float | None,
        values: tuple[float, float],
        replicates: tuple[NDArray[np.float64], NDArray[np.float64]],
    ) -> "Difference":
        """Compare the values of both systems, and those of their replicates (r,)."""
        first, second = values
        differences = replicates[1] - replicates[0]
        relative_interval = None
        if replicates[0].min() > 0:
            relative_interval = percentile_interval(differences / replicates[0])
        fewer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
        return cls(
            measure=measure,
            p_target=p_target,
            first=first,
            first_interval=percentile_interval(replicates[0]),
            second=second,
            second_interval=percentile_interval(replicates[1]),
            difference=second - first,
            interval=percentile_interval(differences),
            relative=(second - first) / first if first > 0 else None,
            relative_interval=relative_interval,
            p_value=min(1.0, 2 * (fewer + 1) / (len(differences) + 1)),
        )


def paired_bootstrap(
    first_scores: NDArray,
    second_scores: NDArray,
    targets: NDArray[np.bool_],
    enrolment_speakers: ArrayLike,
    test_speakers: ArrayLike,
    *,
    p_targets: Sequence[float] = (0.01,),
    replicates: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> list[Difference]:
    """Compare the equal error rates and minimum detection costs of two systems.

    The p-value is two-sided: twice the share of replicates in which the difference is 0 or of the
    rarer sign, with one more counted on both sides of the fraction (Davison & Hinkley, Bootstrap
    Methods and Their Application, section 4.2), so never below 2/(replicates + 1). It is cautious,
    as the pigeonhole bootstrap is: of 300 simulated pairs of equally good systems on 40 speakers 6
    differed significantly, where 15 would be allowed.

    first_scores, second_scores: (k,) of the two systems, each in its own unit. targets: (k,) bool,
    True where both sides of the trial are one speaker. enrolment_speakers: (k,) names or numbers of
    the speakers enrolled. test_speakers: (k,) names or numbers of the speakers tested. p_targets:
    prior probabilities of a target trial, for the detection costs. replicates: how many times to
    draw speakers. seed: of the draws. progress: called with the replicates done, of both systems,
    and in all.

    Returns the equal error rate, then the detection cost at each prior.

    Raises MetricError for no trials, one kind of trial only, a score that is not finite, or a trial
    whose speakers are one but which is not a target, or the other way round; ValueError for arrays
    that are not all (k,), ``targets`` not boolean, ``replicates`` below 1, a prior out of range.
    """
    curves = [det_curve(scores, targets) for scores in (first_scores, second_scores)]
    rates, costs = zip(
        *((crossing(curve)[0], lowest_costs(curve, p_targets)[0].tolist()) for curve in curves),
        strict=True,
    )
    drawn = [
        bootstrap_speakers(
            scores,
            targets,
            enrolment_speakers,
            test_speakers,
            p_targets=p_targets,
            replicates=replicates,
            seed=seed,
            progress=_half(progress, turn),
        )
        for turn, scores in enumerate((first_scores, second_scores))
    ]
    first, second = drawn
    return [
        Difference.of(
            "EER", None, (rates[0], rates[1]), (first.equal_error_rate, second.equal_error_rate)
        ),
        *(
            Difference.of(
                "minDCF",
                p_target,
                (costs[0][place], costs[1][place]),
                (
                    first.minimum_detection_cost[:, place],
                    second.minimum_detection_cost[:, place],
                ),
            )
            for place, p_target in enumerate(p_targets)
        ),
    ]


def _half(progress: Callable[[int, int], None], turn: int) -> Callable[[int, int], None]:
    """What reports the first or second half of the work."""
    return lambda done, total: progress(turn * total + done, 2 * total)

"""What a system's scores on a trial list are worth."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contravox.evaluation.system_result import ConditionResult, DetBand, DetectionCost, SystemResult
from contravox.metrics.bootstrap import Replicates, bootstrap_speakers, percentile_band
from contravox.metrics.bootstrap import percentile_interval as interval_of
from contravox.metrics.det_curve import det_curve
from contravox.metrics.detection_cost import actual_costs, lowest_costs
from contravox.metrics.error_rates import crossing
from contravox.metrics.log_likelihood_ratio_cost import minimum_ratio_cost, ratio_cost
from contravox.trials.trial_set import TrialSet

P_TARGETS = (0.01, 0.05)
"""The priors at which detection costs are usually published."""

BAND = np.geomspace(1e-4, 0.9, 60)
"""False-alarm rates at which the bands of DET curves are found."""


def measure(
    name: str,
    scores: NDArray,
    trial_set: TrialSet,
    *,
    log_likelihood_ratios: NDArray | None = None,
    p_targets: Sequence[float] = P_TARGETS,
    replicates: int = 1000,
    progress: Callable[[int, int], None] = lambda *_: None,
    **about: Any,
) -> SystemResult:
    """Measure scores (k,) of a trial list, with intervals by bootstrap over its speakers.

    There are no intervals where the manifest does not know who speaks.

    log_likelihood_ratios: (k,), where the scores were calibrated. about: what else there is to
    say of the system; see ``SystemResult``. progress: of the bootstrap.

    Raises MetricError for scores from which no error rate follows.
    """
    targets = trial_set.trials.targets
    curve = det_curve(scores, targets)
    rate, threshold = crossing(curve)
    costs, _ = lowest_costs(curve, p_targets)
    actual: Sequence[float | None] = [None] * len(p_targets)
    if log_likelihood_ratios is not None:
        ratios = det_curve(log_likelihood_ratios, targets)
        actual = actual_costs(ratios, p_targets).tolist()
        about |= {
            "log_likelihood_ratios": log_likelihood_ratios,
            "log_likelihood_ratio_cost": ratio_cost(ratios),
            "minimum_log_likelihood_ratio_cost": minimum_ratio_cost(ratios),
        }
    drawn = _replicates(scores, trial_set, p_targets, replicates, progress)
    intervals: list[tuple[float, float] | None] = [None] * len(p_targets)
    if drawn is not None:
        intervals = [interval_of(column) for column in drawn.minimum_detection_cost.T]
        about |= {
            "interval": interval_of(drawn.equal_error_rate),
            "det_band": DetBand(BAND, *percentile_band(drawn.miss)),
        }
    return SystemResult(
        name=name,
        scores=scores,
        targets=targets,
        equal_error_rate=rate,
        eer_threshold=threshold,
        detection_costs=[
            DetectionCost(*cost)
            for cost in zip(p_targets, costs.tolist(), intervals, actual, strict=True)
        ],
        **about,
    )


def _replicates(
    scores: NDArray,
    trial_set: TrialSet,
    p_targets: Sequence[float],
    replicates: int,
    progress: Callable[[int, int], None],
) -> Replicates | None:
    if not trial_set.manifest.speakers_known:
        return None
    return bootstrap_speakers(
        scores,
        trial_set.trials.targets,
        trial_set.enrolment_speakers,
        trial_set.test_speakers,
        p_targets=p_targets,
        false_alarms=BAND.tolist(),
        replicates=replicates,
        progress=progress,
    )


def metrics_of(result: SystemResult) -> dict[str, Any]:
    """A result's numbers, for programs."""
    return {
        "system": result.name,
        "labels_used": result.labels_used,
        "equal_error_rate": result.equal_error_rate,
        "equal_error_rate_interval": result.interval and list(result.interval),
        "eer_threshold": result.eer_threshold,
        "detection_costs": [_to_json(cost) for cost in result.detection_costs],
        "log_likelihood_ratio_cost": result.log_likelihood_ratio_cost,
        "minimum_log_likelihood_ratio_cost": result.minimum_log_likelihood_ratio_cost,
        "conditions": [_to_json(condition) for condition in result.conditions],
        "threshold": result.threshold,
        "parameters": result.parameters,
        "training_seconds": result.training_seconds,
    }


def _to_json(measured: DetectionCost | ConditionResult) -> dict[str, Any]:
    """Its fields, intervals as the lists that JSON has."""
    return {**measured._asdict(), "interval": measured.interval and list(measured.interval)}

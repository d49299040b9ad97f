"""Error rates, detection costs and intervals of long trial lists, beside other people's.

``rates``: EER and minDCF of ten million trials. ``intervals``: all metrics, the DET curve with its
band and 1,000 bootstraps over the speakers of 550,894 trials of 1,190 speakers, as VoxCeleb1-H has;
``many-intervals``: of 3,484,292 trials of 200 speakers, as CN-Celeb has.

Scores are normal, of a system with an EER near 2 %, and rounded to five decimals, as they are
written to files. They are read from arrays, which no verdict counts.
"""

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.metrics import roc_curve  # type: ignore[import-untyped]

from contravox.metrics.bootstrap import bootstrap_speakers, percentile_band
from contravox.metrics.det_curve import DetCurve, det_curve
from contravox.metrics.detection_cost import actual_costs, lowest_costs
from contravox.metrics.error_rates import crossing, miss_at
from contravox.metrics.log_likelihood_ratio_cost import minimum_ratio_cost, ratio_cost
from fresh_process import Run, Stopwatch
from scoring_backends import Question

RATE_TRIALS, HARD_TRIALS, MANY_TRIALS = 10_000_000, 550_894, 3_484_292
HARD_SPEAKERS, MANY_SPEAKERS = 1_190, 200
RATE = 0.02
P_TARGETS = (0.01, 0.05)
BAND = np.geomspace(1e-4, 0.9, 60)
CONTRAVOX, DOUBLE = "contravox", "contravox, float64"
WESPEAKER, SCIKIT_LEARN = "WeSpeaker", "scikit-learn"
READING = "reading"
SINGLE_SCORES, DOUBLE_SCORES = "scores32.npy", "scores64.npy"


def write_trials(
    folder: Path, *, trials: int, speakers: int, targets: float, scale: float = 1
) -> None:
    """Scores in both precisions, targets, and the speakers of both sides."""
    generator = np.random.default_rng(0)
    count = int(scale * trials)
    target = generator.random(count) < targets
    scores = generator.normal(size=count) - 2 * ndtri(RATE) * target
    enrolment = generator.integers(speakers, size=count)
    other = (enrolment + generator.integers(1, speakers, size=count)) % speakers
    np.save(folder / DOUBLE_SCORES, np.round(scores, 5))
    np.save(folder / SINGLE_SCORES, np.round(scores, 5).astype(np.float32))
    np.save(folder / "targets.npy", target)
    np.save(folder / "enrolment.npy", enrolment)
    np.save(folder / "test.npy", np.where(target, enrolment, other))


def load(folder: Path, scores: str, watch: Stopwatch) -> tuple[NDArray, NDArray[np.bool_]]:
    """Scores and targets (k,)."""
    loaded = np.load(folder / scores), np.load(folder / "targets.npy")
    watch.part(READING)
    return loaded


def contravox_rates(folder: Path, watch: Stopwatch, *, scores: str) -> None:
    """EER and minDCF."""
    curve = det_curve(*load(folder, scores, watch))
    watch.part("curve")
    _show(crossing(curve)[0], lowest_costs(curve, P_TARGETS[:1])[0][0], watch)


def wespeaker_rates(folder: Path, watch: Stopwatch) -> None:
    """The steps of WeSpeaker's compute_metrics (commit dfa7419), written down anew."""
    scores, labels = load(folder, DOUBLE_SCORES, watch)
    order = np.argsort(scores)
    labels = labels[order]
    weights = np.ones(labels.shape)
    target_weights = weights * (labels == 1).astype("f8")
    nontarget_weights = weights * (labels == 0).astype("f8")
    miss = np.cumsum(target_weights) / np.sum(target_weights)
    false_alarm = 1 - np.cumsum(nontarget_weights) / np.sum(nontarget_weights)
    watch.part("curve")
    gap = miss - false_alarm
    after, before = np.flatnonzero(gap >= 0)[0], np.flatnonzero(gap < 0)[-1]
    share = gap[after] / (false_alarm[before] - false_alarm[after] - (miss[before] - miss[after]))
    rate = miss[after] + share * (miss[before] - miss[after])
    np.sort(scores)[after]
    # Python's own min, as there.
    cost = min(miss * P_TARGETS[0] + false_alarm * (1 - P_TARGETS[0])) / P_TARGETS[0]
    _show(rate, cost, watch)


def scikit_learn_rates(folder: Path, watch: Stopwatch) -> None:
    """From scikit-learn's ROC curve."""
    scores, targets = load(folder, DOUBLE_SCORES, watch)
    false_alarm, hit, _ = roc_curve(targets, scores)
    watch.part("curve")
    gap = false_alarm - (1 - hit)
    after = int(np.argmax(gap >= 0))
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    rate = false_alarm[after - 1] + share * (false_alarm[after] - false_alarm[after - 1])
    costs = P_TARGETS[0] * (1 - hit) + (1 - P_TARGETS[0]) * false_alarm
    _show(rate, costs.min() / P_TARGETS[0], watch)


def contravox_intervals(folder: Path, watch: Stopwatch) -> None:
    """Every metric, the DET curve and its band, and intervals of 1,000 bootstraps."""
    scores, targets = load(folder, SINGLE_SCORES, watch)
    enrolment, test = np.load(folder / "enrolment.npy"), np.load(folder / "test.npy")
    watch.part(READING)
    curve = det_curve(scores, targets)
    watch.part("curve")
    _every_metric(curve)
    watch.part("metrics")
    replicates = bootstrap_speakers(
        scores, targets, enrolment, test, p_targets=P_TARGETS, false_alarms=BAND.tolist()
    )
    for values in replicates:
        percentile_band(values)
    watch.part("1,000 bootstraps")


def _every_metric(curve: DetCurve) -> None:
    crossing(curve)
    crossing(curve, method="convex_hull")
    lowest_costs(curve, P_TARGETS)
    actual_costs(curve, P_TARGETS)
    ratio_cost(curve)
    minimum_ratio_cost(curve)
    miss_at(curve, BAND)


def _show(rate: float, cost: float, watch: Stopwatch) -> None:
    """End the work, with what was found in the name of its last part."""
    watch.part(f"EER {100 * rate:.4f} % and minDCF {cost:.5f}")


def _seconds(run: Run) -> float:
    """Of all parts but reading."""
    return sum(seconds for part, seconds in run.seconds.items() if part != READING)


def rates_verdict(runs: dict[str, Run]) -> str:
    """Four times as fast, in no more memory."""
    own, other = runs[DOUBLE], runs[WESPEAKER]
    faster, memory = _seconds(other) / _seconds(own), own.peak_bytes / other.peak_bytes
    return (
        f"{faster:.1f}× faster than {WESPEAKER} on the same float64 scores, wanted 4×: "
        f"{'yes' if faster >= 4 else 'no'}; {memory:.2f}× its memory, wanted at most 1×: "
        f"{'yes' if memory <= 1 else 'no'}"
    )


def intervals_verdict(runs: dict[str, Run], *, wanted: float) -> str:
    """In seconds, not minutes."""
    seconds = _seconds(runs[CONTRAVOX])
    reached = "yes" if seconds <= wanted else "no"
    return f"{seconds:.1f} s after reading, wanted at most {wanted:g}: {reached}"


def rates_question(targets: float) -> Question:
    """EER and minDCF of a list with such a share of target trials."""
    return Question(
        f"EER and minDCF of {RATE_TRIALS:,} trials, {targets:.0%} of them target trials",
        partial(write_trials, trials=RATE_TRIALS, speakers=HARD_SPEAKERS, targets=targets),
        {
            CONTRAVOX: partial(contravox_rates, scores=SINGLE_SCORES),
            DOUBLE: partial(contravox_rates, scores=DOUBLE_SCORES),
            WESPEAKER: wespeaker_rates,
            SCIKIT_LEARN: scikit_learn_rates,
        },
        rates_verdict,
    )


def intervals_question(trials: int, speakers: int, targets: float, *, wanted: float) -> Question:
    """All metrics and intervals of a list."""
    return Question(
        f"All metrics, DET band and 1,000 bootstraps over {speakers:,} speakers, {trials:,} trials",
        partial(write_trials, trials=trials, speakers=speakers, targets=targets),
        {CONTRAVOX: contravox_intervals},
        partial(intervals_verdict, wanted=wanted),
    )


QUESTIONS = {
    "rates": rates_question(0.5),
    "few-targets": rates_question(0.01),
    "intervals": intervals_question(HARD_TRIALS, HARD_SPEAKERS, 0.5, wanted=10),
    "many-intervals": intervals_question(MANY_TRIALS, MANY_SPEAKERS, 0.005, wanted=60),
}

"""Several systems' scores of the same trials, fused to one log-likelihood ratio."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contravox.errors import ScoringError
from contravox.evaluation import Evaluation, Stage, protocol_of, silently
from contravox.measurement import measure
from contravox.overlap import recording_digests, refuse_overlap, speaker_digests
from contravox.score_files import aligned_scores
from contravox.scoring.calibration import Calibration
from contravox.scoring.scorer import ScoringSettings
from contravox.trial_set import TrialSet


def fuse(
    tests: Sequence[Path],
    learning: Sequence[Path],
    trials: TrialSet,
    learning_trials: TrialSet,
    *,
    stage: Stage = silently,
) -> tuple[Evaluation, Calibration]:
    """Learn a weight for each system on one list, by logistic regression, and fuse another.

    tests: scores of ``trials``, a file or evaluation folder for each system. learning: the same
    systems' scores of ``learning_trials``, in the same order, of other speakers.

    Returns the evaluation of the fused scores, which are log-likelihood ratios, and the weights.

    Raises ScoringError where the systems are not as many, OverlapError where the lists share
    speakers, TrialsError, MetricError.
    """
    if len(tests) != len(learning):
        raise ScoringError(
            f"{len(tests)} systems to fuse, but scores of {len(learning)} to learn on: give "
            "--learn-on for each, in the same order"
        )
    refuse_overlap(
        trials.manifest,
        f"{trials.name} and {learning_trials.name}",
        speakers=speaker_digests(learning_trials.manifest),
        recordings=recording_digests(learning_trials.manifest),
        override="learn on another",
    )
    names = [f"system {number}" for number in range(1, len(tests) + 1)]

    def columns(files: Sequence[Path], of: TrialSet) -> dict[str, NDArray[np.float64]]:
        table = of.trials.table
        scores = [aligned_scores(path, table, of.name) for path in files]
        return dict(zip(names, scores, strict=True))

    learned = Calibration.learn(columns(learning, learning_trials), learning_trials.trials.targets)
    ratios = learned.log_likelihood_ratios(columns(tests, trials))
    with stage("bootstrap over speakers") as report:
        result = measure(
            " + ".join(path.name for path in tests),
            ratios,
            trials,
            log_likelihood_ratios=ratios,
            progress=report,
        )
    protocol: dict[str, str | int | None] = {
        **protocol_of(trials, ScoringSettings()),
        **{name: str(path) for name, path in zip(names, tests, strict=True)},
        "score": "log-likelihood ratio, fused by logistic regression",
        "calibration": f"learned on {learning_trials.name}",
    }
    return Evaluation(result, protocol, trials), learned

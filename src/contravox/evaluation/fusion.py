"""Several systems' scores of the same trials, fused to one log-likelihood ratio."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contravox.errors import ScoringError, TrialsWarning, brief
from contravox.evaluation.conditions import conditions_of
from contravox.evaluation.evaluation import (
    Evaluation,
    Stage,
    protocol_of,
    silently,
    usual_conditions,
)
from contravox.evaluation.result import measure
from contravox.scoring.calibration import Calibration
from contravox.trained_on import refuse_shared
from contravox.trials.scores import aligned_scores, protocol_beside, score_file
from contravox.trials.trial_set import TrialSet


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

    Raises ScoringError where the systems are not as many, or in another order, as far as
    ``evaluate`` wrote which they are; OverlapError where the lists share speakers; TrialsError,
    MetricError. Warns with TrialsWarning where a system is another on both lists.
    """
    if len(tests) != len(learning):
        raise ScoringError(
            f"{len(tests)} systems to fuse, but scores of {len(learning)} to learn on: give "
            "--learn-on for each, in the same order"
        )
    refuse_shared(
        trials.manifest,
        learning_trials.manifest,
        f"{trials.name} and {learning_trials.name}",
        "learn on another",
    )
    _check_systems(tests, learning)
    names = [f"system {number}" for number in range(1, len(tests) + 1)]

    def columns(files: Sequence[Path], of: TrialSet) -> dict[str, NDArray[np.float64]]:
        table = of.trials.table
        scores = [aligned_scores(path, table, of.name) for path in files]
        return dict(zip(names, scores, strict=True))

    learned = Calibration.learn(columns(learning, learning_trials), learning_trials.trials.targets)
    ratios = learned.log_likelihood_ratios(columns(tests, trials))
    with stage("conditions") as report:
        parts = conditions_of(ratios, trials, usual_conditions(trials), progress=report)
    with stage("bootstrap over speakers") as report:
        result = measure(
            " + ".join(path.name for path in tests),
            ratios,
            trials,
            log_likelihood_ratios=ratios,
            progress=report,
            conditions=parts,
        )
    protocol: dict[str, str | int | None] = {
        **protocol_of(trials),
        **{name: str(path) for name, path in zip(names, tests, strict=True)},
        "score": "log-likelihood ratio, fused by logistic regression",
        "calibration": f"learned on {learning_trials.name}",
    }
    return Evaluation(result, protocol, trials), learned


SYSTEM = ("model", "embedding", "embeddings", "score", "normalisation")
"""What of a protocol says which system made the scores."""

OF_A_LIST = ("embeddings",)
"""What of these is another on other trials too: the file of their utterances."""


def _check_systems(tests: Sequence[Path], learning: Sequence[Path]) -> None:
    """Refuse systems in another order: each would be weighed as another."""
    tested, learned = ([_system(path) for path in files] for files in (tests, learning))
    for number, (own, other) in enumerate(zip(tested, learned, strict=True)):
        if not own or not other or own == other:
            continue
        if other in tested:
            raise ScoringError(
                f"{learning[number]}: scores of the system of {tests[tested.index(other)]}, not of "
                f"{tests[number]}: give --learn-on in the same order"
            )
        differ = [name for name in SYSTEM if own.get(name) != other.get(name)]
        name = next((name for name in differ if name not in OF_A_LIST), None)
        if name is None:
            continue
        warnings.warn(
            f"{learning[number]}: {name} is {brief(str(other.get(name)))}, but "
            f"{brief(str(own.get(name)))} in {tests[number]}: the weight may be of another system",
            TrialsWarning,
            stacklevel=3,
        )


def _system(scores: Path) -> dict[str, Any]:
    protocol = protocol_beside(score_file(scores))
    return {name: protocol[name] for name in SYSTEM if protocol.get(name) is not None}

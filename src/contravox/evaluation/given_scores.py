"""Scores that any toolkit wrote, measured."""

from collections.abc import Sequence
from pathlib import Path

from contravox.evaluation.conditions import conditions_of
from contravox.evaluation.evaluation import (
    Evaluation,
    Stage,
    protocol_of,
    silently,
    usual_conditions,
)
from contravox.evaluation.result import P_TARGETS, measure
from contravox.trials.score_formats import read_scores
from contravox.trials.scores import align_scores, score_file
from contravox.trials.trial_set import TrialSet


def measure_scores(
    scores: Path,
    trials: TrialSet,
    *,
    fields: Sequence[str] | None = None,
    log_likelihood_ratios: bool = False,
    p_targets: Sequence[float] = P_TARGETS,
    conditions: Sequence[str] | None = None,
    stage: Stage = silently,
) -> Evaluation:
    """Measure a file of scores of a trial list, or the folder of one that ``evaluate`` wrote.

    fields: what its lines hold; see ``read_scores``. log_likelihood_ratios: whether its scores are
    such, natural ones, so that what deciding by them costs can be told; of a file that has both,
    the ratios are measured. conditions: columns of the
    manifest by which trials are parted; None for the usual ones.

    Raises TrialsError, MetricError.
    """
    path = score_file(scores)
    table = trials.trials.table
    given = read_scores(path, table, fields, ratios=log_likelihood_ratios)
    values = align_scores(given, table, path, trials.name)
    asked = usual_conditions(trials) if conditions is None else conditions
    with stage("conditions") as report:
        parts = conditions_of(values, trials, asked, progress=report)
    with stage("bootstrap over speakers") as report:
        result = measure(
            # Files of scores are called scores.txt: their folder tells them apart.
            path.resolve().parent.name if path.stem == "scores" else path.stem,
            values,
            trials,
            log_likelihood_ratios=values if log_likelihood_ratios else None,
            p_targets=p_targets,
            progress=report,
            conditions=parts,
        )
    protocol = {
        **protocol_of(trials),
        "score": "log-likelihood ratio, as given" if log_likelihood_ratios else "as given",
        "file of scores": str(path),
    }
    return Evaluation(result, protocol, trials)

"""The folder of an evaluation: its scores, its numbers, and the page on them."""

import warnings
from contextlib import ExitStack
from pathlib import Path

from contravox.errors import MissingExtraError, ReportWarning
from contravox.evaluation.evaluation import Evaluation
from contravox.evaluation.scores_only import ScoredList
from contravox.files.tables import write_table_blocks
from contravox.files.writing import atomic_path, json_text
from contravox.report.embedding_map import EmbeddingMap, map_embeddings
from contravox.report.page import write_report
from contravox.trials.scores import METRICS, SCORES, write_scores

PAGE = "report.html"

FILES = (SCORES, METRICS, PAGE)
"""What ``write_evaluation`` writes to a folder."""


def write_evaluation(evaluation: Evaluation, folder: Path) -> Path:
    """Write ``FILES``, all of them or, where anything goes wrong, none.

    The page alone is left out where what draws it is not installed, with a ReportWarning.

    Returns the file to look at, the page or else the numbers. Raises OutputError.
    """
    result, trial_set = evaluation.result, evaluation.trial_set
    notes = {name: str(value) for name, value in evaluation.protocol.items() if value is not None}
    title = f"{result.name} on {trial_set.name}"
    with ExitStack() as stack:
        scores, metrics = (
            stack.enter_context(atomic_path(folder / name)) for name in (SCORES, METRICS)
        )
        write_scores(scores, trial_set.trials, result.scores, result.log_likelihood_ratios)
        metrics.write_text(json_text(evaluation.metrics) + "\n", encoding="utf-8")
        page = folder / PAGE
        try:
            write_report(page, title, [result], notes, trial_set, maps=_maps(evaluation))
        except MissingExtraError as error:
            warnings.warn(f"{page} is left out: {error}", ReportWarning, stacklevel=2)
            # An earlier one would tell of other numbers.
            page.unlink(missing_ok=True)
            return folder / METRICS
    return page


def write_scored_list(scored: ScoredList, folder: Path) -> Path:
    """Write the scores block by block, and beside them the protocol: both, or nothing.

    Returns the file of scores. Raises OutputError, and what making the scores raises.
    """
    with atomic_path(folder / METRICS) as metrics:
        metrics.write_text(json_text({"protocol": scored.protocol}) + "\n", encoding="utf-8")
        write_table_blocks(folder / SCORES, scored.tables())
    # An earlier one would tell of other scores.
    (folder / PAGE).unlink(missing_ok=True)
    return folder / SCORES


def _maps(evaluation: Evaluation) -> list[tuple[str, EmbeddingMap]]:
    """The map of the trials' utterances under the system's name; none without embeddings."""
    if evaluation.embeddings is None:
        return []
    utterances = evaluation.trial_set.utterances
    speakers = evaluation.trial_set.manifest.speakers_of(utterances).fill_null("unknown")
    vectors = evaluation.embeddings.vectors[evaluation.embeddings.rows(utterances)]
    return [(evaluation.result.name, map_embeddings(vectors, speakers.to_list()))]

"""A trial list of any length, scored from disk to disk, block by block; nothing is measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from contravox.embeddings import Embeddings
from contravox.evaluation.evaluation import (
    Stage,
    TrainingEmbeddings,
    TrialEmbeddings,
    learned_calibration,
    learned_scorer,
    list_protocol,
    silently,
)
from contravox.scoring.calibration import Calibration
from contravox.scoring.calibration_columns import SCORE
from contravox.scoring.scorer import Scorer, ScoringSettings
from contravox.trials.long_list import LongList
from contravox.trials.scores import score_table


@dataclass(frozen=True)
class ScoredList:
    """A long list and all that its scores take, which are made as they are asked for.

    protocol: all that they depend on, as of an ``Evaluation``, for people and programs.
    """

    test: LongList
    embeddings: Embeddings
    scorer: Scorer
    calibration: Calibration | None
    protocol: dict[str, str | int | None]
    stage: Stage

    def tables(self) -> Iterator[pl.DataFrame]:
        """The scores, a block of trials at a time; see ``score_table``.

        Raises TrialsError, ScoringError.
        """
        test, ratios = self.test, None
        with self.stage("scoring") as report:
            for trials, scored in self.scorer.score_blocks(
                self.embeddings, test.blocks(), test.trials, test.enrolments, progress=report
            ):
                if self.calibration is not None:
                    ratios = self.calibration.log_likelihood_ratios({SCORE: scored.scores})
                yield score_table(trials, scored.scores, ratios)


def score_long_list(
    test: LongList,
    embeddings: Embeddings,
    settings: ScoringSettings,
    *,
    training: TrainingEmbeddings | None = None,
    calibration: TrialEmbeddings | None = None,
    described: Mapping[str, str] | None = None,
    stage: Stage = silently,
) -> ScoredList:
    """Score a list as ``evaluate_embeddings`` does, to the last digit.

    In memory are the embeddings, of the training data too, and a block of trials. Arguments are as
    of ``evaluate_embeddings``.

    Raises ScoringError, TrialsError.
    """
    # An utterance without embedding is told before the work.
    embeddings.rows(test.manifest.table["utterance"])
    scorer = learned_scorer(settings, training, stage=stage)
    learned = learned_calibration(calibration, scorer, stage=stage)
    protocol = {
        **list_protocol(test.protocol, test.enrolments, scorer.enrolment),
        "targets": test.targets,
        "non-targets": test.trials - test.targets,
        "trials of a recording with itself": sum(test.self_trials),
        **scorer.describe(),
        "training data": None if training is None else training.name,
        **(described or {}),
    }
    return ScoredList(test, embeddings, scorer, learned, protocol, stage)

"""Embeddings on a trial list: scored as settings say, measured, and all of it told.

What made the embeddings does not matter; ``model_evaluation`` makes them with a model, ``result``
measures whatever scores.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from contravox.embeddings import Embeddings
from contravox.evaluation.conditions import conditions_of
from contravox.evaluation.result import P_TARGETS, ModelFacts, SystemResult, measure
from contravox.scoring.calibration import Calibration
from contravox.scoring.calibration_columns import SCORE, Quality, trial_columns
from contravox.scoring.enrolment import EnrolmentMethod
from contravox.scoring.scorer import Comparison, Scorer, ScoringSettings
from contravox.settings import Settings
from contravox.trials.enrolments import Enrolments
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import TrialSet

Stage = Callable[[str], AbstractContextManager[Callable[..., None]]]
"""What shows how far a stage of the work has come, such as ``progress.progress_bar``."""


def silently(_: str) -> AbstractContextManager[Callable[..., None]]:
    """A stage that shows nothing."""
    return nullcontext(lambda *_: None)


INTERVALS = "95 %, 1,000 bootstraps over speakers"

CONDITIONS = ("sex", "language", "genre", "session", "duration")
"""Columns of a manifest by which trials are parted, where it has them."""


class EvaluationSettings(Settings):
    """scoring: from embeddings to scores. p_targets: priors of the detection costs.

    quality: what calibration looks at beside the score. conditions: columns of the manifest by
    which trials are parted; None for those of CONDITIONS that tell its utterances apart.
    """

    scoring: ScoringSettings = ScoringSettings()
    p_targets: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = P_TARGETS
    quality: tuple[Quality, ...] = ()
    conditions: tuple[str, ...] | None = None


@dataclass(frozen=True)
class TrialEmbeddings:
    """A trial list, and the embeddings of all its utterances (and perhaps others).

    bandwidths: (n, 1) in Hz of all its recordings, where calibration is to look at them.
    """

    trial_set: TrialSet
    embeddings: Embeddings
    bandwidths: Embeddings | None = None


@dataclass(frozen=True)
class TrainingEmbeddings:
    """Embeddings of training data with the speaker of each (n,); name: where they are from."""

    embeddings: Embeddings
    speakers: pl.Series
    name: str


@dataclass(frozen=True)
class Evaluation:
    """result: what was measured; protocol: all that it depends on, for people and programs.

    embeddings: of the trials' utterances, for a map of them, where there are any.
    """

    result: SystemResult
    protocol: dict[str, str | int | None]
    trial_set: TrialSet
    embeddings: Embeddings | None = None

    @property
    def metrics(self) -> dict[str, Any]:
        """The numbers, and the protocol that they belong to."""
        return {**self.result.metrics, "protocol": self.protocol}


def evaluate_embeddings(
    name: str,
    test: TrialEmbeddings,
    settings: EvaluationSettings,
    *,
    training: TrainingEmbeddings | None = None,
    calibration: TrialEmbeddings | Calibration | None = None,
    crops_averaged: bool = False,
    comparison: Comparison = "cosine",
    described: Mapping[str, str] | None = None,
    model: ModelFacts = ModelFacts(),
    stage: Stage = silently,
) -> Evaluation:
    """Score a trial list and measure the scores.

    training: what whitening, PLDA and normalisation learn from. calibration: trials to learn it on,
    of other speakers, or one learned before. crops_averaged, comparison: see ``Scorer``. described:
    more about the protocol, for people. model: what is known of what made the embeddings.

    Raises ScoringError, TrialsError, MetricError.
    """
    scorer = learned_scorer(
        settings.scoring,
        training,
        crops_averaged=crops_averaged,
        comparison=comparison,
        stage=stage,
    )
    tested = scored_columns(test, scorer, settings.quality, stage)
    learned = learned_calibration(calibration, scorer, settings.quality, stage)
    ratios = None if learned is None else learned.log_likelihood_ratios(tested)
    asked = settings.conditions
    columns_of_conditions = usual_conditions(test.trial_set) if asked is None else asked
    with stage("conditions") as report:
        parts = conditions_of(tested[SCORE], test.trial_set, columns_of_conditions, progress=report)
    with stage("bootstrap over speakers") as report:
        result = measure(
            name,
            tested[SCORE],
            test.trial_set,
            log_likelihood_ratios=ratios,
            p_targets=settings.p_targets,
            progress=report,
            conditions=parts,
            model=model,
        )
    protocol = {
        **protocol_of(test.trial_set, scorer.enrolment),
        **scorer.describe(),
        "training data": None if training is None else training.name,
        **(described or {}),
    }
    return Evaluation(result, protocol, test.trial_set, test.embeddings)


def learned_scorer(
    settings: ScoringSettings,
    training: TrainingEmbeddings | None,
    *,
    crops_averaged: bool = False,
    comparison: Comparison = "cosine",
    stage: Stage = silently,
) -> Scorer:
    """What scores trials, once it has learned what it needs to. Raises ScoringError."""
    learns_from = () if training is None else (training.embeddings, training.speakers)
    with stage("learning from the training embeddings"):
        return Scorer(settings, *learns_from, crops_averaged=crops_averaged, comparison=comparison)


def scored_columns(
    trials: TrialEmbeddings, scorer: Scorer, quality: Sequence[Quality], stage: Stage
) -> dict[str, NDArray]:
    """What calibration may look at, (k,) of each trial; see ``trial_columns``."""
    of = trials.trial_set
    with stage("scoring") as report:
        scored = scorer.score(trials.embeddings, of.trials, of.enrolments, progress=report)
    return trial_columns(scored, trials.embeddings, of, quality, trials.bandwidths)


def learned_calibration(
    calibration: TrialEmbeddings | Calibration | None,
    scorer: Scorer,
    quality: Sequence[Quality] = (),
    stage: Stage = silently,
) -> Calibration | None:
    """A calibration learned before, or learned now on the trials given. Raises ScoringError."""
    if not isinstance(calibration, TrialEmbeddings):
        return calibration
    columns = scored_columns(calibration, scorer, quality, stage)
    return Calibration.learn(columns, calibration.trial_set.trials.targets)


def usual_conditions(trial_set: TrialSet) -> list[str]:
    """Those of CONDITIONS in which a trial list's utterances differ."""
    table = trial_set.manifest.table
    there = [name for name in CONDITIONS if name in table.columns]
    return [name for name in there if table[name].drop_nulls().n_unique() > 1]


def protocol_of(
    trial_set: TrialSet, enrolment: EnrolmentMethod | None = None
) -> dict[str, str | int | None]:
    """What a trial list is, and what is measured of it.

    enrolment: what several utterances make together, where that is known.
    """
    trials = trial_set.trials
    return {
        **list_protocol(trial_set.protocol, trial_set.enrolments, enrolment),
        "targets": int(trials.targets.sum()),
        "non-targets": int((~trials.targets).sum()),
        "trials listed twice": trial_set.listed_twice,
        "trials of a recording with itself": sum(trial_set.self_trials),
        "speakers": len(trial_set.manifest.speakers),
        "equal error rate": "by linear interpolation between operating points",
        "intervals": INTERVALS
        if trial_set.manifest.speakers_known
        else "none: not all speakers are known",
    }


def list_protocol(
    protocol: Protocol,
    enrolments: Enrolments | None,
    enrolment: EnrolmentMethod | None,
) -> dict[str, str | int | None]:
    """What a trial list is, and how its enrolments are made; see ``protocol_of``."""
    several = "" if enrolments is None or enrolment is None else f": {enrolment}"
    return {
        **{key.replace("_", " "): value for key, value in asdict(protocol).items()},
        "enrolment": protocol.enrolment + several,
    }

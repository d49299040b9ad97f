"""A model file on a trial list: embeds what is needed, once, and refuses what it was trained on."""

from collections.abc import Sequence
from pathlib import Path

from contravox.errors import AudioError
from contravox.evaluation.augmented_copies import AugmentedCopies
from contravox.evaluation.bandwidths import measure_bandwidths
from contravox.evaluation.evaluation import (
    Evaluation,
    EvaluationSettings,
    Stage,
    TrainingEmbeddings,
    TrialEmbeddings,
    evaluate_embeddings,
    silently,
)
from contravox.evaluation.result import ModelFacts
from contravox.inference.default_model import DEFAULT_MODEL, told_of
from contravox.inference.embed import Crops, Embedded, embed_readable
from contravox.inference.embedding_cache import embed_once
from contravox.inference.loading import load_model
from contravox.manifest import Manifest
from contravox.scoring.calibration import Calibration
from contravox.scoring.calibration_columns import Quality, qualities, trial_columns
from contravox.scoring.scorer import Scorer, ScoringSettings
from contravox.trained_on import (
    TrainedOn,
    refuse_calibrated,
    refuse_shared,
    speaker_digests,
)
from contravox.trials.trial_set import TrialSet

MODEL_STEM = "model"


class ModelEvaluation:
    """Embeds with one model file, and refuses lists of what it was trained on.

    crops: in place of whole utterances. cache: folder in which embeddings are kept; None keeps
    none. allow_overlap: score what was trained on. drop_unreadable: leave trials out whose
    recordings cannot be read or trusted, and count them.

    Raises ModelError, MissingExtraError.
    """

    def __init__(
        self,
        model: Path,
        *,
        crops: Crops | None = None,
        cache: Path | None = None,
        allow_overlap: bool = False,
        drop_unreadable: bool = False,
        stage: Stage = silently,
    ) -> None:
        self.path = model
        self.model = load_model(model)
        self.crops = crops
        self.cache = cache
        self.allow_overlap = allow_overlap
        self.drop_unreadable = drop_unreadable
        self.stage = stage

    def embed(self, trial_set: TrialSet, quality: Sequence[Quality] = ()) -> TrialEmbeddings:
        """Embed what a trial list needs, and measure what calibration will look at.

        Raises OverlapError, AudioError, TrialsError where no trial is left.
        """
        if not self.allow_overlap:
            learned = TrainedOn.of_model(self.path, self.model.settings)
            learned.refuse(trial_set.manifest, trial_set.name, "pass --allow-overlap")
        embedded = self._embed(trial_set.manifest)
        if embedded.unreadable and not self.drop_unreadable:
            reason = next(iter(embedded.unreadable.values()))
            raise AudioError(
                f"{trial_set.name}: {len(embedded.unreadable):,} of "
                f"{len(trial_set.manifest):,} recordings cannot be used, such as {reason}; or pass "
                "--drop-unreadable to leave their trials out"
            )
        if embedded.unreadable:
            trial_set = trial_set.without(embedded.unreadable)
        bandwidths = None
        if "bandwidth" in quality:
            with self.stage("bandwidths") as report:
                bandwidths = measure_bandwidths(trial_set.manifest, report)
        return TrialEmbeddings(trial_set, embedded.embeddings, bandwidths)

    def embed_training(self, utterances: Manifest, name: str | Path) -> TrainingEmbeddings:
        """Embed what whitening, PLDA and normalisation learn from; the unreadable is left out."""
        embeddings = self._embed(utterances).embeddings
        speakers = utterances.speakers_of(embeddings.utterances)
        held = f"{len(embeddings):,} utterances of {speakers.n_unique():,} speakers"
        return TrainingEmbeddings(embeddings, speakers, f"{name}: {held}")

    def evaluate(
        self,
        trials: TrialSet,
        settings: EvaluationSettings,
        *,
        training: Path | None = None,
        calibration: TrialSet | None = None,
    ) -> Evaluation:
        """Evaluate the model on a trial list; see ``evaluate_embeddings``.

        training: a manifest. calibration: trials of other speakers; without them a calibrated model
        calibrates the plain score of whole utterances, on which it was calibrated.

        Raises ContravoxError of many kinds.
        """
        cohort = None if training is None else Manifest.read(training)
        if cohort is not None:
            self._refuse_shared(trials, cohort, "--training")
        if calibration is not None:
            self._refuse_shared(trials, calibration.manifest, "--calibrate-on")
        model = self.model.settings
        # What the model's own threshold and calibration are for.
        plain = self.crops is None and settings.scoring == ScoringSettings()
        learned: TrialEmbeddings | Calibration | None = None
        if calibration is not None:
            learned = self.embed(calibration, settings.quality)
        elif plain and not settings.quality:
            learned = model.calibration
            if learned is not None:
                if not self.allow_overlap:
                    refuse_calibrated(
                        trials.manifest, model.calibrated_on, trials.name, "pass --allow-overlap"
                    )
                settings = settings.model_copy(update={"quality": qualities(learned)})
        test = self.embed(trials, settings.quality)
        source = None
        if learned is not None:
            own = model.calibration_source or "unnamed trials"
            source = own if calibration is None else calibration.name
        return evaluate_embeddings(
            self._name(),
            test,
            settings,
            training=None if cohort is None else self.embed_training(cohort, training or ""),
            calibration=learned,
            crops_averaged=self.crops is not None,
            comparison=model.comparison,
            described={
                "model": str(self.path),
                "embedding": "whole utterance" if self.crops is None else str(self.crops),
                "calibration": f"learned on {source}" if source else "none",
            },
            model=ModelFacts(
                labels_used=model.labels_used,
                parameters=self.model.parameter_count,
                training_seconds=model.training_seconds,
                objective_shares=model.objective_shares,
                threshold=model.threshold if plain else None,
            ),
            stage=self.stage,
        )

    def calibrate(
        self,
        trials: TrialSet,
        quality: Sequence[Quality] = (),
        copies: AugmentedCopies | None = None,
    ) -> Calibration:
        """Learn calibration of the plain score, and keep it in the model.

        copies: of the recordings, to learn from beside them.

        Raises ScoringError, and as ``embed`` does.
        """
        test = self.embed(trials, quality)
        if copies is not None:
            with self.stage("augmented copies") as report:
                test = copies.add_to(test, self.model, report)
        of = test.trial_set
        scorer = Scorer(ScoringSettings(), comparison=self.model.settings.comparison)
        scored = scorer.score(test.embeddings, of.trials, of.enrolments)
        columns = trial_columns(scored, test.embeddings, of, quality, test.bandwidths)
        calibration = Calibration.learn(columns, of.trials.targets)
        source = calibration_source(trials, copies)
        self.model.annotate(
            calibration=calibration,
            calibration_source=source,
            calibrated_on=tuple(sorted(speaker_digests(of.manifest))),
        )
        return calibration

    def _name(self) -> str:
        """What tells the model from others."""
        if self.path == DEFAULT_MODEL:
            return told_of(self.path)
        path = self.path.resolve()
        # Training calls every model so, in a folder of its own.
        return path.parent.name if path.stem == MODEL_STEM else path.stem

    def _embed(self, manifest: Manifest) -> Embedded:
        with self.stage("embedding") as report:
            if self.cache is None:
                return embed_readable(self.model, manifest, crops=self.crops, progress=report)
            return embed_once(self.model, manifest, self.cache, crops=self.crops, progress=report)

    def _refuse_shared(self, trials: TrialSet, other: Manifest, name: str) -> None:
        if not self.allow_overlap:
            both = f"{trials.name} and {name}"
            refuse_shared(trials.manifest, other, both, "pass --allow-overlap")


def calibration_source(trials: TrialSet, copies: AugmentedCopies | None = None) -> str:
    """What a model that was calibrated on trials says of them."""
    return f"{trials.name}, with {copies}" if copies else trials.name

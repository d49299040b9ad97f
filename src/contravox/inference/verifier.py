"""Are two recordings of the same speaker?"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contravox.audio.quality import Quality
from contravox.audio.waveform import Channel
from contravox.embedding_model import EmbeddingModel
from contravox.errors import ScoringError
from contravox.inference.embed import embed_alone
from contravox.inference.loading import load_model
from contravox.inference.recording import Doubt, Recording, read_recording
from contravox.metrics.decision import bayes_threshold, check_costs, check_prior, posterior
from contravox.scoring.calibration_columns import SCORE, duration_columns, magnitude_columns


@dataclass(frozen=True)
class Prior:
    """What is known before listening, and what errors cost.

    p_target: how likely the two are one speaker, between 0 and 1. c_miss, c_false_alarm: costs of
    missing the speaker and of taking another for them; only their ratio matters.

    Raises ScoringError for a probability not between 0 and 1, or a cost that is not positive.
    """

    p_target: float = 0.5
    c_miss: float = 1.0
    c_false_alarm: float = 1.0

    def __post_init__(self) -> None:
        try:
            check_prior(self.p_target)
            check_costs(self.c_miss, self.c_false_alarm)
        except ValueError as error:
            raise ScoringError(str(error)) from None


@dataclass(frozen=True)
class Verification:
    """score: cosine of the two embeddings, in [-1, 1]; of a model that compares by distance, minus
    the squared distance.

    threshold: what the score was held against, the model's or one given, or None where there is
    none or the model is calibrated. decided_by: where the threshold or the calibration came from,
    None where there is nothing to decide by. log_likelihood_ratio (natural) and probability that
    they are the same speaker, at the prior: of a calibrated model, else None. same_speaker: the
    decision, or None where there is nothing to decide by.

    recordings: both, by name, with their qualities. doubts: what speaks against the decision.
    """

    score: float
    threshold: float | None
    decided_by: str | None
    log_likelihood_ratio: float | None
    probability: float | None
    prior: Prior
    same_speaker: bool | None
    recordings: tuple[tuple[str, Quality], tuple[str, Quality]]
    doubts: tuple[Doubt, ...]

    def __str__(self) -> str:
        if self.same_speaker is None:
            return f"score {self.score:.3f}; the model has no threshold: give one to decide"
        speaker = "same speaker" if self.same_speaker else "different speakers"
        held = f"score {self.score:.3f}"
        if self.threshold is not None:
            held += f", threshold {self.threshold:.3f}"
        if self.probability is not None:
            prior = self.prior
            held += f", probability {self.probability:.1%} at a prior of {prior.p_target:.3g}"
            if prior.c_miss != prior.c_false_alarm:
                held += f", a miss costing {prior.c_miss:g}, a false alarm {prior.c_false_alarm:g}"
        return f"{speaker} ({held})"

    def to_dict(self) -> dict[str, Any]:
        """For programs: the fields, of which ``doubts`` are called warnings."""
        fields = asdict(self)
        fields["recordings"] = [
            {"recording": name, **asdict(quality)} for name, quality in self.recordings
        ]
        fields["warnings"] = fields.pop("doubts")
        return fields


class Verifier:
    """Compares recordings with one model.

    >>> verifier = Verifier.load("model.onnx")             # doctest: +SKIP
    >>> verifier.verify("a.wav", "b.wav").same_speaker     # doctest: +SKIP
    True
    """

    def __init__(self, model: EmbeddingModel) -> None:
        self.model = model

    @classmethod
    def load(cls, path: str | Path) -> "Verifier":
        """Load a model file, .onnx or .safetensors. Raises ModelError, MissingExtraError."""
        return cls(load_model(path))

    def verify(
        self,
        first: str | Path,
        second: str | Path,
        *,
        threshold: float | None = None,
        prior: Prior | None = None,
        channel: Channel = "mean",
        allow_unfit: bool = False,
    ) -> Verification:
        """Compare two recordings, whole, or the speech in them where the model's settings say so.

        A calibrated model decides so that errors cost least at the prior, any other by its
        threshold.

        threshold: decides in the model's stead. prior: even, and errors cost alike, by default.
        channel, allow_unfit: see ``read_recording``.

        Raises AudioError for a recording that is missing, not audio, silent, without speech, or
        without a finite embedding; ScoringError for a threshold that is not finite, or a prior
        given to a model without calibration.
        """
        if threshold is not None and not math.isfinite(threshold):
            raise ScoringError(f"threshold {threshold}: give a finite one")
        if prior is not None and self.model.settings.calibration is None:
            raise ScoringError(
                "the model is not calibrated, so a prior and costs say nothing to it: "
                "calibrate it with `contravox calibrate`, or give a threshold"
            )
        settings = self.model.settings
        one, other = (
            read_recording(
                path,
                channel=channel,
                speech_only=settings.speech_only,
                highest_frequency=self.model.highest_frequency,
                allow_unfit=allow_unfit,
            )
            for path in (first, second)
        )
        return self._compare(one, other, threshold, prior or Prior())

    def _compare(
        self, one: Recording, other: Recording, threshold: float | None, prior: Prior
    ) -> Verification:
        settings = self.model.settings
        # One by one: a short recording beside a long one would be mostly padding.
        a, b = (
            embed_alone(self.model, each.waveform, each.name).astype(np.float64)
            for each in (one, other)
        )
        lengths = [float(np.linalg.norm(vector)) for vector in (a, b)]
        score = float(a @ b / (lengths[0] * lengths[1]))
        if settings.comparison != "cosine":
            score = -float((a - b) @ (a - b))
        ratio = probability = None
        decided_by = "the threshold given"
        if settings.calibration is not None:
            ratio = self._ratio(score, one, other, lengths)
            probability = float(posterior(ratio, prior.p_target))
        if threshold is not None:
            same = score >= threshold
        elif ratio is not None:
            same = ratio >= bayes_threshold(prior.p_target, prior.c_miss, prior.c_false_alarm)
            decided_by = f"calibration learned on {settings.calibration_source or 'unnamed trials'}"
        elif settings.threshold is not None:
            threshold = settings.threshold
            same = score >= threshold
            decided_by = f"the threshold set on {settings.threshold_source or 'unnamed trials'}"
        else:
            same = None
        return Verification(
            score,
            threshold,
            None if same is None else decided_by,
            ratio,
            probability,
            prior,
            None if same is None else bool(same),
            ((one.name, one.quality), (other.name, other.quality)),
            one.doubts + other.doubts,
        )

    def _ratio(
        self, score: float, one: Recording, other: Recording, lengths: Sequence[float]
    ) -> float:
        """Log-likelihood ratio of a score and what else the calibration looks at."""
        calibration = self.model.settings.calibration
        assert calibration is not None
        seconds = [each.quality.seconds for each in (one, other)]
        columns: dict[str, NDArray] = {SCORE: np.array([score])}
        columns |= duration_columns(*np.array(seconds)[:, None])
        columns |= magnitude_columns(*np.array(lengths)[:, None])
        known = {name: columns[name] for name in calibration.weights}
        return float(calibration.log_likelihood_ratios(known)[0])

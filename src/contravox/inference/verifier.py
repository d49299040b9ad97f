"""Are two recordings of the same speaker?"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contravox.audio.given import Audio
from contravox.audio.quality import Quality
from contravox.audio.waveform import Channel
from contravox.embedding_model import EmbeddingModel
from contravox.inference.deciding import Prior, Rule, in_per_cent
from contravox.inference.loading import load_model
from contravox.inference.recording import RecordingWarning
from contravox.inference.voiceprint import Voiceprint, take_voiceprint
from contravox.metrics.decision import posterior
from contravox.scoring.calibration_columns import Side, ratios_of


@dataclass(frozen=True)
class Verification:
    """What two recordings say.

    score: cosine of the two embeddings, in [-1, 1]; of a model that compares by distance, minus
    the squared distance.

    threshold: what the score was held against, the model's or one given, or None where there is
    none or the model is calibrated. decided_by: where the threshold or the calibration came from,
    None where there is nothing to decide by. log_likelihood_ratio (natural) and probability that
    they are the same speaker, at the prior: of a calibrated model, else None. same_speaker: the
    decision, or None where there is nothing to decide by.

    recordings: both, by name, with their qualities. warnings: what speaks against the decision.
    """

    score: float
    threshold: float | None
    decided_by: str | None
    log_likelihood_ratio: float | None
    probability: float | None
    prior: Prior
    same_speaker: bool | None
    recordings: tuple[tuple[str, Quality], tuple[str, Quality]]
    warnings: tuple[RecordingWarning, ...]

    def __str__(self) -> str:
        if self.same_speaker is None:
            return f"score {self.score:.3f}; the model has no threshold: give one to decide"
        speaker = "same speaker" if self.same_speaker else "different speakers"
        held = f"score {self.score:.3f}"
        if self.threshold is not None:
            held += f", threshold {self.threshold:.3f}"
        if self.probability is not None:
            prior = self.prior
            held += (
                f", probability {in_per_cent(self.probability)} at a prior of {prior.p_target:.3g}"
            )
            if prior.c_miss != prior.c_false_alarm:
                held += f", a miss costing {prior.c_miss:g}, a false alarm {prior.c_false_alarm:g}"
        return f"{speaker} ({held})"

    def to_dict(self) -> dict[str, Any]:
        """For programs: the fields, each recording with its name and quality as one."""
        fields = asdict(self)
        fields["recordings"] = [
            {"recording": name, **asdict(quality)} for name, quality in self.recordings
        ]
        return fields


class Verifier:
    """Compares recordings with one model.

    >>> verifier = Verifier.load()                         # doctest: +SKIP
    >>> verifier.verify("a.wav", "b.wav").same_speaker     # doctest: +SKIP
    True
    """

    def __init__(self, model: EmbeddingModel) -> None:
        self.model = model

    @classmethod
    def load(cls, path: str | Path | None = None) -> "Verifier":
        """Load a model file, .onnx or .safetensors, or the model that comes with contravox.

        Raises ModelError, MissingExtraError.
        """
        return cls(load_model(path))

    def embed(
        self,
        audio: Audio,
        name: str = "audio",
        *,
        channel: Channel = "mean",
        allow_unfit: bool = False,
    ) -> Voiceprint:
        """Embed a recording, and look whether it is worth a decision; see ``take_voiceprint``."""
        return take_voiceprint(self.model, audio, name, channel=channel, allow_unfit=allow_unfit)

    def verify(
        self,
        first: Audio,
        second: Audio,
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
        rule = Rule.of(self.model.settings).given(threshold, prior)
        prior = prior or Prior()
        one = self.embed(first, "first", channel=channel, allow_unfit=allow_unfit)
        other = self.embed(second, "second", channel=channel, allow_unfit=allow_unfit)
        a, b = (each.vector.astype(np.float64) for each in (one, other))
        lengths = np.linalg.norm([a, b], axis=1)
        score = float(a @ b / lengths.prod())
        if self.model.settings.comparison != "cosine":
            score = -float((a - b) @ (a - b))
        ratio = probability = None
        if rule.calibration is not None:
            sides = [
                Side([each.quality.seconds], [each.quality.bandwidth], [length])
                for each, length in zip((one, other), lengths, strict=True)
            ]
            ratio = float(ratios_of(rule.calibration, np.array([score]), *sides)[0])
            probability = float(posterior(ratio, prior.p_target))
        return Verification(
            score=score,
            threshold=rule.threshold,
            decided_by=rule.source,
            log_likelihood_ratio=ratio,
            probability=probability,
            prior=prior,
            same_speaker=rule.accepts(score, ratio, prior),
            recordings=((one.name, one.quality), (other.name, other.quality)),
            warnings=one.warnings + other.warnings,
        )

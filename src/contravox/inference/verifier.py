"""Are two recordings of the same speaker?"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contravox.audio.waveform import SAMPLE_RATE, check_speech, read_audio
from contravox.errors import ScoringError
from contravox.inference.embed import embed_alone
from contravox.model import Model
from contravox.scoring.calibration_columns import SCORE, duration_columns, magnitude_columns
from contravox.scoring.decision import bayes_threshold, posterior


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
        if not 0 < self.p_target < 1:
            raise ScoringError(f"prior {self.p_target}: give a probability between 0 and 1")
        if not all(0 < cost < math.inf for cost in (self.c_miss, self.c_false_alarm)):
            raise ScoringError(
                f"costs {self.c_miss:g} and {self.c_false_alarm:g}: give costs above 0"
            )


@dataclass(frozen=True)
class Verification:
    """score: cosine of the two embeddings, in [-1, 1]; of a model that compares by distance, minus
    the squared distance.

    threshold: what the score was held against, the model's or one given, or None where there is
    none or the model is calibrated. log_likelihood_ratio (natural) and probability that they are
    the same speaker, at the prior: of a calibrated model, else None. same_speaker: the decision,
    or None where there is nothing to decide by.
    """

    score: float
    threshold: float | None
    log_likelihood_ratio: float | None
    probability: float | None
    prior: Prior
    same_speaker: bool | None

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


class Verifier:
    """Compares recordings with one model.

    >>> verifier = Verifier.load("model.safetensors")      # doctest: +SKIP
    >>> verifier.verify("a.wav", "b.wav").same_speaker     # doctest: +SKIP
    True
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    @classmethod
    def load(cls, path: str | Path) -> "Verifier":
        """Load a model file. Raises ModelError."""
        return cls(Model.load(path))

    def verify(
        self,
        first: str | Path,
        second: str | Path,
        *,
        threshold: float | None = None,
        prior: Prior | None = None,
    ) -> Verification:
        """Compare two recordings, whole.

        A calibrated model decides so that errors cost least at the prior, any other by its
        threshold.

        threshold: decides in the model's stead. prior: even, and errors cost alike, by default.

        Raises AudioError for a recording that is missing, not audio, silent, too short, or without
        a finite embedding; ScoringError for a threshold that is not finite, or a prior given to a
        model without calibration.
        """
        if threshold is not None and not math.isfinite(threshold):
            raise ScoringError(f"threshold {threshold}: give a finite one")
        waveforms = [read_audio(first), read_audio(second)]
        for waveform, path in zip(waveforms, (first, second), strict=True):
            check_speech(waveform, path)
        # One by one: a short recording beside a long one would be mostly padding.
        a, b = (
            embed_alone(self.model, waveform, path).astype(np.float64)
            for waveform, path in zip(waveforms, (first, second), strict=True)
        )
        lengths = [float(np.linalg.norm(vector)) for vector in (a, b)]
        score = float(a @ b / (lengths[0] * lengths[1]))
        if self.model.settings.comparison != "cosine":
            score = -float((a - b) @ (a - b))
        calibration = self.model.settings.calibration
        if calibration is None:
            if prior is not None:
                raise ScoringError(
                    "the model is not calibrated, so a prior and costs say nothing to it: "
                    "calibrate it with `contravox calibrate`, or give a threshold"
                )
            threshold = self.model.settings.threshold if threshold is None else threshold
            same = None if threshold is None else bool(score >= threshold)
            return Verification(score, threshold, None, None, Prior(), same)
        prior = prior or Prior()
        seconds = [len(waveform) / SAMPLE_RATE for waveform in waveforms]
        columns: dict[str, NDArray] = {SCORE: np.array([score])}
        columns |= duration_columns(*np.array(seconds)[:, None])
        columns |= magnitude_columns(*np.array(lengths)[:, None])
        [ratio] = calibration.log_likelihood_ratios(
            {name: columns[name] for name in calibration.weights}
        )
        decides = bayes_threshold(prior.p_target, prior.c_miss, prior.c_false_alarm)
        return Verification(
            score,
            threshold,
            float(ratio),
            float(posterior(ratio, prior.p_target)),
            prior,
            bool(ratio >= decides if threshold is None else score >= threshold),
        )

"""Are two recordings of the same speaker?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contravox.audio import check_speech, read_audio
from contravox.model import Model


@dataclass(frozen=True)
class Verification:
    """score: cosine of the two embeddings, in [-1, 1]; threshold: the model's, or None where it has
    none; same_speaker: whether the score reaches the threshold, or None without one."""

    score: float
    threshold: float | None
    same_speaker: bool | None

    def __str__(self) -> str:
        if self.threshold is None:
            return f"score {self.score:.3f}; the model has no threshold: give one to decide"
        speaker = "same speaker" if self.same_speaker else "different speakers"
        return f"{speaker} (score {self.score:.3f}, threshold {self.threshold:.3f})"


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
        self, first: str | Path, second: str | Path, *, threshold: float | None = None
    ) -> Verification:
        """Compare two recordings, whole.

        threshold: decides in the model's stead.

        Raises AudioError for a recording that is missing, not audio, silent or too short.
        """
        waveforms = [read_audio(first), read_audio(second)]
        for waveform, path in zip(waveforms, (first, second), strict=True):
            check_speech(waveform, path)
        # One by one: a short recording beside a long one would be mostly padding.
        embeddings = np.concatenate([self.model.embed([waveform]) for waveform in waveforms])
        a, b = embeddings.astype(np.float64)
        score = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
        if threshold is None:
            threshold = self.model.settings.threshold
        return Verification(
            score, threshold, None if threshold is None else bool(score >= threshold)
        )

"""What a model has learned from, over every stage of its training."""

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from contravox.manifest import Manifest
from contravox.model import ModelSettings
from contravox.trained_on import (
    recording_digests,
    recordings_trained_on,
    refuse_overlap,
    speaker_digests,
)
from contravox.trials.trial_set import TrialSet


@dataclass(frozen=True)
class Heritage:
    """labels_used, training_seconds: see ``ModelSettings``. speakers, recordings: digests of those
    trained on, see ``overlap``."""

    labels_used: bool = False
    training_seconds: float = 0.0
    speakers: frozenset[str] = frozenset()
    recordings: pl.Series = field(default_factory=lambda: pl.Series(dtype=pl.String))

    @classmethod
    def of_model(cls, path: Path, settings: ModelSettings) -> "Heritage":
        """That of a trained model."""
        return cls(
            settings.labels_used,
            settings.training_seconds,
            frozenset(settings.trained_on),
            recordings_trained_on(path),
        )

    def and_of(self, manifest: Manifest, *, labels_used: bool) -> "Heritage":
        """With what another stage learns from."""
        return Heritage(
            self.labels_used or labels_used,
            self.training_seconds,
            self.speakers.union(speaker_digests(manifest)),
            pl.concat([self.recordings, recording_digests(manifest)]).unique().sort(),
        )

    def refuse(self, validation: TrialSet) -> None:
        """Raise OverlapError where validation would be on what is trained on."""
        refuse_overlap(
            validation.manifest,
            validation.name,
            speakers=self.speakers,
            recordings=self.recordings,
            override="set data.allow_overlap=true",
        )

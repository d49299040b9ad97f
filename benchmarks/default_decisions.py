"""What the default model's calibration decides on its test speakers, at even odds."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.audio.quality import bandwidth_of
from contravox.embeddings import Embeddings
from contravox.manifest import Manifest
from contravox.metrics.log_likelihood_ratio_cost import (
    log_likelihood_ratio_cost,
    minimum_log_likelihood_ratio_cost,
)
from contravox.scoring.calibration import Calibration
from contravox.scoring.calibration_columns import Side, ratios_of
from default_rates import CONDITIONS, SECONDS, changed, trials_by_corpus


class Known:
    """Recordings in a condition: unit vectors, and what calibration looks at."""

    def __init__(self, embeddings: Embeddings, table: NDArray[np.float64]) -> None:
        """table: (n, 2), seconds and bandwidth of each utterance of the embeddings."""
        lengths = np.linalg.norm(embeddings.vectors, axis=1)
        self.embeddings = embeddings
        self.units = embeddings.vectors.astype(np.float64) / lengths[:, None]
        self.columns = np.column_stack([table, lengths])

    def of(self, names: pl.Series) -> tuple[NDArray[np.float64], Side]:
        """Unit vectors (k, d) and the side of so many trials."""
        rows = self.embeddings.rows(names)
        return self.units[rows], Side(*self.columns[rows].T)


def known_of(manifest: Manifest, folder: Path, condition: str) -> Known:
    """What is known of a manifest's recordings in a condition. folder: of ``embed_conditions``."""
    embeddings = Embeddings.load(folder / f"{condition}.npz")
    durations = dict(manifest.table.select("utterance", "duration").rows())
    longest = SECONDS.get(condition, np.inf)
    bandwidths = {name: bandwidth_of(waveform) for name, waveform in changed(manifest, condition)}
    rows = [(min(durations[name], longest), bandwidths[name]) for name in embeddings.utterances]
    return Known(embeddings, np.array(rows))


def decide(manifest: Manifest, folder: Path, calibration: Calibration) -> dict[str, Any]:
    """By condition and corpus shares of misses and false alarms, and the cost of the ratios (Cllr).

    folder: of ``embed_conditions``. minimum: what the best monotone calibration would cost.
    """
    known = {condition: known_of(manifest, folder, condition) for condition in CONDITIONS}
    decided: dict[str, Any] = {condition: {} for condition in CONDITIONS}
    for corpus, trials in trials_by_corpus(manifest).items():
        targets = trials.trials.targets
        for condition, of_it in decided.items():
            (first, one), (second, other) = (known[condition].of(side) for side in trials.sides)
            scores = (first * second).sum(axis=1)
            ratios = ratios_of(calibration, scores, one, other)
            of_it[corpus] = {
                "misses": float((ratios[targets] < 0).mean()),
                "false_alarms": float((ratios[~targets] >= 0).mean()),
                "cost": log_likelihood_ratio_cost(ratios, targets),
                "minimum": minimum_log_likelihood_ratio_cost(scores, targets),
            }
    return decided

"""What the default model's calibration decides on its test speakers, at even odds."""

from pathlib import Path
from typing import Any

import numpy as np

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


def decide(manifest: Manifest, folder: Path, calibration: Calibration) -> dict[str, Any]:
    """By condition and corpus shares of misses and false alarms, and the cost of the ratios (Cllr).

    folder: of ``embed_conditions``. minimum: what the best monotone calibration would cost.
    """
    durations = dict(manifest.table.select("utterance", "duration").rows())
    bandwidths = {
        condition: {name: bandwidth_of(waveform) for name, waveform in changed(manifest, condition)}
        for condition in CONDITIONS
    }
    decided: dict[str, Any] = {condition: {} for condition in CONDITIONS}
    for corpus, trials in trials_by_corpus(manifest).items():
        targets = trials.trials.targets
        for condition, of_it in decided.items():
            embeddings = Embeddings.load(folder / f"{condition}.npz")
            longest = SECONDS.get(condition, np.inf)
            heard = bandwidths[condition]
            one, other = (
                Side(
                    seconds=np.minimum([durations[name] for name in side], longest),
                    bandwidth=np.array([heard[name] for name in side]),
                    magnitude=np.linalg.norm(embeddings.vectors[embeddings.rows(side)], axis=1),
                )
                for side in trials.sides
            )
            scores = trials.scores(embeddings)
            ratios = ratios_of(calibration, scores, one, other)
            of_it[corpus] = {
                "misses": float((ratios[targets] < 0).mean()),
                "false_alarms": float((ratios[~targets] >= 0).mean()),
                "cost": log_likelihood_ratio_cost(ratios, targets),
                "minimum": minimum_log_likelihood_ratio_cost(scores, targets),
            }
    return decided

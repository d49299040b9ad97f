"""A system's scores on a trial list, and what they are worth."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.embedding import embed_manifest
from contravox.embeddings import Embeddings
from contravox.metrics.bootstrap import bootstrap_speakers, percentile_interval
from contravox.metrics.detection_cost import minimum_detection_cost
from contravox.metrics.error_rates import equal_error_rate
from contravox.metrics.system_result import SystemResult
from contravox.model import Model
from contravox.overlap import recordings_trained_on, refuse_overlap
from contravox.report import write_report
from contravox.scoring.cosine import cosine_scores
from contravox.scoring.enrolment import enrol
from contravox.trials import Trials, TrialSet
from contravox.writing import atomic_path, write_text


def score_trials(embeddings: Embeddings, trial_set: TrialSet) -> NDArray[np.float32]:
    """Cosine score of each trial, (k,). Raises TrialsError for an utterance without embedding.

    An enrolment of several utterances is the mean of their embeddings, each of length 1.
    """
    enrolled = embeddings
    if trial_set.enrolments is not None:
        enrolled = enrol(embeddings, trial_set.enrolments)
    table = trial_set.trials.table
    pairs = np.stack([enrolled.rows(table["enrolment"]), embeddings.rows(table["test"])], axis=1)
    return cosine_scores(enrolled.vectors, embeddings.vectors, pairs)


def validate(model: Model, trial_set: TrialSet) -> tuple[float, float]:
    """A model's equal error rate on a set of trials, and its threshold.

    Raises AudioError, MetricError.
    """
    embeddings = embed_manifest(model, trial_set.manifest)
    return equal_error_rate(score_trials(embeddings, trial_set), trial_set.trials.targets)


def evaluate(
    name: str,
    embeddings: Embeddings,
    trial_set: TrialSet,
    *,
    labels_used: bool,
    parameters: int,
    training_seconds: float = 0.0,
    losses: Mapping[str, Sequence[tuple[int, float]]] | None = None,
    threshold: float | None = None,
) -> SystemResult:
    """Score trials by the cosine of whole-utterance embeddings and measure the scores.

    The interval is by bootstrap over the speakers of the trials.

    Raises TrialsError, ManifestError, MetricError.
    """
    scores, trials = score_trials(embeddings, trial_set), trial_set.trials
    rate, eer_threshold = equal_error_rate(scores, trials.targets)
    cost, _ = minimum_detection_cost(scores, trials.targets)
    replicates = bootstrap_speakers(
        scores,
        trials.targets,
        trial_set.enrolment_speakers,
        trial_set.test_speakers,
    )
    return SystemResult(
        name=name,
        labels_used=labels_used,
        scores=scores,
        targets=trials.targets,
        equal_error_rate=rate,
        eer_threshold=eer_threshold,
        interval=percentile_interval(replicates.equal_error_rate),
        minimum_detection_cost=cost,
        parameters=parameters,
        training_seconds=training_seconds,
        losses=losses or {},
        threshold=threshold,
    )


def write_scores(path: Path, trials: Trials, scores: NDArray[np.float32]) -> None:
    """Write ``enrolment test target score``, tab-separated. Raises OutputError."""
    table = trials.table.with_columns(
        pl.col("target").cast(pl.Int8), pl.Series("score", scores, dtype=pl.Float32)
    )
    with atomic_path(path) as temporary:
        table.write_csv(temporary, separator="\t")


def evaluate_model(
    model: Path,
    trials: Path,
    manifest: Path | None = None,
    *,
    output: Path | None = None,
    allow_overlap: bool = False,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[SystemResult, dict[str, Any]]:
    """Evaluate a model file on a trial list.

    trials: a list, or the folder of one that ``contravox prepare`` made. manifest: of its
    utterances; ``manifest.tsv`` beside the list by default.
    output: folder for ``scores.tsv``, ``metrics.json`` and ``report.html``.
    allow_overlap: score speakers and recordings that the model was trained on.
    progress: called with the utterances embedded and in all.

    Returns the result, and its numbers with the protocol that they belong to.

    Raises ModelError, TrialsError, ManifestError, OverlapError, AudioError, MetricError,
    OutputError.
    """
    loaded = Model.load(model)
    trial_set = TrialSet.read(trials, manifest)
    if not allow_overlap:
        refuse_overlap(
            trial_set.manifest,
            trial_set.name,
            speakers=loaded.settings.trained_on,
            recordings=recordings_trained_on(model),
            override="pass --allow-overlap",
        )
    embeddings = embed_manifest(loaded, trial_set.manifest, progress=progress)
    # Models are called model.safetensors: their folder tells them apart.
    result = evaluate(
        model.resolve().parent.name,
        embeddings,
        trial_set,
        labels_used=loaded.settings.labels_used,
        parameters=loaded.parameter_count,
        training_seconds=loaded.settings.training_seconds,
        threshold=loaded.settings.threshold,
    )
    read = trial_set.trials
    mean = ", the mean of their embeddings at length 1" if trial_set.enrolments else ""
    protocol = {
        "model": str(model),
        **asdict(trial_set.protocol),
        "targets": int(read.targets.sum()),
        "non-targets": int((~read.targets).sum()),
        "speakers": len(trial_set.manifest.speakers),
        "enrolment": trial_set.protocol.enrolment + mean,
        "embedding": "whole utterance",
        "score": "cosine, not normalised",
    }
    metrics = {**metrics_of(result), "protocol": protocol}
    if output is not None:
        write_scores(output / "scores.tsv", read, result.scores)
        write_text(output / "metrics.json", json.dumps(metrics, indent=2) + "\n")
        notes = {name: str(value) for name, value in protocol.items() if value is not None}
        write_report(output / "report.html", f"{result.name} on {trial_set.name}", [result], notes)
    return result, metrics


def metrics_of(result: SystemResult) -> dict[str, Any]:
    """A result's numbers, for programs."""
    return {
        "system": result.name,
        "labels_used": result.labels_used,
        "equal_error_rate": result.equal_error_rate,
        "equal_error_rate_interval": list(result.interval),
        "minimum_detection_cost": result.minimum_detection_cost,
        "eer_threshold": result.eer_threshold,
        "threshold": result.threshold,
        "parameters": result.parameters,
        "training_seconds": result.training_seconds,
    }

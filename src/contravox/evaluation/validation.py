"""How good a model is on the trials that choose the best epoch and set its threshold."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contravox.embedding_model import EmbeddingModel
from contravox.embeddings import Embeddings
from contravox.errors import AudioError, RecipeError, TrainingWarning
from contravox.inference.embed import embed_readable
from contravox.metrics.error_rates import equal_error_rate
from contravox.scoring.scorer import Comparison, Scorer, ScoringSettings
from contravox.trials.trial_set import TrialSet


class Validation(NamedTuple):
    """What a model reaches on one list of trials, or on several.

    rate: equal error rate, the mean over the lists, so that a short list counts as much as a long
    one. threshold: at which misses and false alarms, each their mean over the lists, are equally
    frequent. rates: of each list, by its name.
    """

    rate: float
    threshold: float
    rates: dict[str, float]


def read_validation(lists: Sequence[Path], manifests: Sequence[Path]) -> dict[str, TrialSet]:
    """Read lists of trials by their names: those of their protocols where these differ, or paths.

    Utterances of two lists may have the same name: each list has its own.

    manifests: of each list, or one of them all; none: the one beside each list.

    Raises RecipeError where there are neither one nor as many; TrialsError, ManifestError.
    """
    if len(manifests) not in (0, 1, len(lists)):
        raise RecipeError(
            f"data.validation_manifest names {len(manifests)} for {len(lists)} validation_trials: "
            "name one of them all, one for each, or none where each lies beside its list"
        )
    shared = manifests[0] if manifests else None
    of_each = manifests if len(manifests) > 1 else [shared] * len(lists)
    sets = [TrialSet.read(path, each) for path, each in zip(lists, of_each, strict=True)]
    names = [each.name for each in sets]
    if len(set(names)) < len(names):
        names = [str(path) for path in lists]
    if len(set(names)) < len(names):
        raise RecipeError("data.validation_trials names a list twice: name each once")
    return dict(zip(names, sets, strict=True))


def validate(
    model: EmbeddingModel, lists: Mapping[str, TrialSet], *, unreadable_share: float = 0.0
) -> Validation:
    """Measure a model on lists of trials, each by its name.

    unreadable_share: of a list's utterances that may be unreadable; it is then without their
    trials, the same ones whenever it is measured.

    Raises AudioError, MetricError; TrialsError where no trial is left. Warns with TrainingWarning
    of what cannot be read.
    """
    scored = {}
    for name, each in lists.items():
        embeddings, unreadable, _ = embed_readable(model, each.manifest)
        if unreadable:
            reason = next(iter(unreadable.values()))
            if len(unreadable) > unreadable_share * len(each.manifest):
                raise AudioError(reason)
            text = f"{name}: validated without {len(unreadable):,} utterances: {reason}"
            warnings.warn(text, TrainingWarning, stacklevel=2)
            each = each.without(unreadable)
        scores = score_trials(embeddings, each, model.settings.comparison)
        scored[name] = scores, each.trials.targets
    measured = {name: equal_error_rate(*each) for name, each in scored.items()}
    rates = {name: rate for name, (rate, _) in measured.items()}
    if len(lists) == 1:
        [(rate, threshold)] = measured.values()
        return Validation(rate, threshold, rates)
    threshold = common_threshold(list(scored.values()))
    return Validation(sum(rates.values()) / len(rates), threshold, rates)


def score_trials(
    embeddings: Embeddings, trial_set: TrialSet, comparison: Comparison = "cosine"
) -> NDArray[np.float32]:
    """Plain score of each trial, (k,). Raises TrialsError for an utterance without embedding."""
    scorer = Scorer(ScoringSettings(), comparison=comparison)
    return scorer.score(embeddings, trial_set.trials, trial_set.enrolments).scores


def common_threshold(lists: Sequence[tuple[NDArray, NDArray[np.bool_]]]) -> float:
    """The threshold at which the mean miss rate over lists equals the mean false-alarm rate.

    lists: scores (k,) and targets (k,) of each. Between two scores it lies where the line between
    the rates at these crosses.
    """
    thresholds = np.unique(np.concatenate([scores for scores, _ in lists]).astype(np.float64))
    gap = np.zeros(len(thresholds))
    for scores, targets in lists:
        # Misses and false alarms differ by the shares of both kinds that score lower, less one.
        for kind in (targets, ~targets):
            gap += np.searchsorted(np.sort(scores[kind]), thresholds) / kind.sum()
    gap -= len(lists)
    after = int(np.searchsorted(gap, 0.0))
    if after == len(gap):
        return float(thresholds[-1])
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(thresholds[after - 1] + share * (thresholds[after] - thresholds[after - 1]))

"""Whether a recipe's batches and schedules leave its objectives anything to learn."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contravox.data.sampling import SegmentRequest
from contravox.errors import RecipeError, TrainingWarning
from contravox.objectives.classifier import ClassifierSettings
from contravox.training.recipe import Recipe

SELDOM = 0.1
"""Share of segments with a positive below which a contrastive objective hardly learns."""


class Supervision(NamedTuple):
    """What the labels of an epoch's batches offer to objectives that contrast segments.

    positive_share: of segments with another of their label in the batch, 0 to 1. across_utterances:
    whether any such pair is of two utterances. negatives: whether any batch holds two labels.
    """

    positive_share: float
    across_utterances: bool
    negatives: bool

    @classmethod
    def of(
        cls, batches: Sequence[Sequence[SegmentRequest]], labels: NDArray[np.int64]
    ) -> "Supervision":
        """labels: (n,) of the rows that the requests of the batches, all of one size, name."""
        size = len(batches[0])
        rows = np.fromiter(
            (request.utterance for batch in batches for request in batch), np.int64
        ).reshape(-1, size)
        # Of one batch in order: segments of a label side by side, those of an utterance too.
        label, row = np.divmod(np.sort(labels[rows] * len(labels) + rows), len(labels))
        same = label[:, 1:] == label[:, :-1]
        positive = np.zeros(label.shape, dtype=bool)
        positive[:, 1:] |= same
        positive[:, :-1] |= same
        return cls(
            float(positive.mean()),
            bool((same & (row[:, 1:] != row[:, :-1])).any()),
            bool((label[:, 0] != label[:, -1]).any()),
        )


def check_supervision(
    recipe: Recipe, batches: Sequence[Sequence[SegmentRequest]], labels: NDArray[np.int64]
) -> None:
    """Refuse a recipe that would train nothing; warn of one that hardly does.

    batches: of the first epoch; labels: of the rows that they name.

    Raises RecipeError. Warns with TrainingWarning.
    """
    steps = len(batches) * recipe.training.epochs
    for reason in (*_idle_schedules(recipe, steps), *_idle_classifiers(recipe)):
        warnings.warn(reason, TrainingWarning, stacklevel=2)
    contrasts = [
        f"objectives.{name}"
        for name, each in recipe.objectives.items()
        if each.weight and each.needs_positives
    ]
    if not contrasts:
        return
    found, names = Supervision.of(batches, labels), ", ".join(contrasts)
    one = recipe.data.labels
    if found.positive_share == 0:
        raise RecipeError(
            f"sampler: no batch of the first epoch holds two segments of one {one}, so {names} "
            "would learn nothing: set sampler.name=speakers_utterances, and sampler.utterances or "
            "sampler.segments to 2 or more"
        )
    if not found.negatives:
        raise RecipeError(
            f"sampler: every batch holds segments of one {one} only, so {names} would learn "
            "nothing: set the sampler to draw more utterances"
        )
    if found.positive_share < SELDOM:
        warnings.warn(
            f"sampler: only {found.positive_share:.1%} of segments meet another of their {one} in "
            f"a batch, from which alone {names} learns: draw by sampler.name=speakers_utterances",
            TrainingWarning,
            stacklevel=2,
        )
    if one == "speaker" and not found.across_utterances:
        warnings.warn(
            f"sampler: segments of one speaker in a batch are all of one utterance, so {names} "
            "may learn recordings, not voices: set sampler.name=speakers_utterances and "
            "sampler.utterances to 2 or more, or train on speakers with several utterances",
            TrainingWarning,
            stacklevel=2,
        )


def _idle_schedules(recipe: Recipe, steps: int) -> list[str]:
    """What is said of schedules that end before they begin."""
    training, reasons = recipe.training, []
    if training.schedule.warmup_steps >= steps:
        reasons.append(
            f"training.schedule.warmup_steps: {training.schedule.warmup_steps} are not over after "
            f"all {steps} steps: the learning rate never reaches its peak"
        )
    margins = training.margin_schedule
    if margins is not None and margins.start >= training.epochs:
        reasons.append(
            f"training.margin_schedule.start: {margins.start:g} is not reached in "
            f"{training.epochs} epochs: every margin stays 0"
        )
    positives = getattr(recipe.sampler, "positives", None)
    if positives and positives.from_epoch >= training.epochs and not training.initial_run:
        reasons.append(
            f"sampler.positives.from_epoch: {positives.from_epoch} is not reached in "
            f"{training.epochs} epochs: every positive is of its anchor's utterance"
        )
    return reasons


def _idle_classifiers(recipe: Recipe) -> list[str]:
    """What is said of classifiers without speakers."""
    if recipe.data.labels == "speaker":
        return []
    return [
        f"objectives.{name}: every utterance is a class of its own with data.labels=utterance: "
        "choose an objective that contrasts, or data.labels=speaker"
        for name, each in recipe.objectives.items()
        if isinstance(each, ClassifierSettings)
    ]

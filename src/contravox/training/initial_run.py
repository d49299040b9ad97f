"""A run that goes on from where another one stands."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import Precision
from torch import nn
from torch.optim import Optimizer

from contravox.errors import CheckpointError, RecipeError, brief
from contravox.inference.loading import load_model
from contravox.model import Model
from contravox.trained_on import TrainedOn
from contravox.training.checkpoint import (
    NAME,
    Progress,
    State,
    first_difference,
    read_state,
    restore,
)
from contravox.training.recipe import Recipe
from contravox.training.speaker_centroids import SpeakerCentroids

SHARED = ("features", "encoder", "objectives", "balance")
"""What both recipes must say alike, beside labels, speeds, the kind of optimiser and whether
weights are averaged."""

FALLEN = 1e-3
"""Share of the peak learning rate under which nothing is left that could fall."""


def begin_from(
    run: Path,
    recipe: Recipe,
    inputs: Mapping[str, str],
    module: nn.Module,
    optimiser: Optimizer,
    precision: Precision,
    centroids: SpeakerCentroids | None,
) -> Progress:
    """Put the weights, the optimiser's memory and the random state of a run's checkpoint in place.

    run: its folder. inputs: see ``input_digests``; both train on the same. centroids: take what
    the run's epochs added, if it kept any. Steps and schedule begin anew; epochs of data and
    margins go on after those that the run has begun.

    Raises CheckpointError where there is no whole checkpoint, RecipeError where it is of another
    system, or of other utterances.
    """
    state, before = _read(run)
    then, now = _shared(before), _shared(recipe)
    if None not in (before.training.average, recipe.training.average):
        # An average goes on at another pace, but does not begin.
        del then["training"]["average"], now["training"]["average"]
    difference = first_difference(then, now)
    if difference:
        key, old, new = difference
        raise RecipeError(
            f"training.initial_run: {run} was trained with {key}={brief(str(old))}, this recipe "
            f"says {brief(str(new))}: set it so, or start from its weights alone by "
            "training.initial_model"
        )
    if state.inputs.get("data.manifest") != inputs.get("data.manifest"):
        raise RecipeError(
            f"training.initial_run: {run} was trained on other utterances than data.manifest holds "
            "now: name the same, or start from its weights alone by training.initial_model"
        )
    # Rate and decay are those of this recipe.
    state.optimiser["param_groups"] = optimiser.state_dict()["param_groups"]
    done = restore(run, state, module, optimiser, precision)
    if centroids is not None and state.speakers:
        centroids.restore(state.speakers, run / NAME)
        if not done.finished:
            centroids.fill_epoch()
    # What could not be read may be mended by now, and is tried again.
    return Progress(epochs_before=done.epochs_begun)


def inherited_from(model: Path) -> TrainedOn:
    """What a run has learned from; where it was stopped before its first model, what it began with.

    model: the file that the run writes, or wrote, in its folder. Both train on the same speakers.

    Raises CheckpointError where there is neither model nor checkpoint; ModelError.
    """
    if model.is_file():
        return TrainedOn.of_model(model, Model.load(model).settings)
    state, before = _read(model.parent)
    start = before.training
    if start.initial_run is not None:
        known = inherited_from(start.initial_run / model.name)
    elif start.initial_model is not None:
        known = TrainedOn.of_model(start.initial_model, load_model(start.initial_model).settings)
    else:
        known = TrainedOn()
    return replace(known, training_seconds=known.training_seconds + state.progress.seconds)


def state_digest(run: Path) -> str:
    """A name for where a run stands: the weights in its checkpoint and the epochs; 32 digits.

    Raises CheckpointError where it has no whole checkpoint.
    """
    state, _ = _read(run)
    digest = hashlib.blake2b(str(state.progress.epochs_begun).encode(), digest_size=16)
    for name, tensor in sorted(state.system.items()):
        digest.update(name.encode())
        # NumPy has not every type.
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def cooldown_settings(run: Path, epochs: int) -> list[str]:
    """Settings by which a run ends well in so many epochs, from the learning rate that it has.

    Raises CheckpointError where it has no whole checkpoint, or a rate that has fallen already.
    """
    state, before = _read(run)
    rate, peak = state.optimiser["param_groups"][0]["lr"], before.training.optimiser.learning_rate
    if rate < FALLEN * peak:
        raise CheckpointError(
            f"{run}: its learning rate has fallen to {rate:.2g} already: prolong it at a higher "
            f"one by training.initial_run={run}"
        )
    return [
        f"training.initial_run={run}",
        "training.initial_model=null",
        "training.initial_objectives=null",
        f"training.epochs={epochs}",
        f"training.optimiser.learning_rate={rate!r}",
        f"training.schedule={{name: warmup_stable_decay, decay_epochs: {epochs}}}",
    ]


def _read(run: Path) -> tuple[State, Recipe]:
    if not (run / NAME).exists():
        raise CheckpointError(
            f"{run}: holds no {NAME} to go on from: name the folder of a run that has written one"
        )
    return read_state(run / NAME)


def _shared(recipe: Recipe) -> dict[str, Any]:
    settings = recipe.model_dump(mode="json")
    return {
        "data": {key: settings["data"][key] for key in ("labels", "speeds")},
        **{key: settings[key] for key in SHARED},
        "training": {
            "optimiser": {"name": settings["training"]["optimiser"]["name"]},
            "average": settings["training"]["average"],
        },
    }

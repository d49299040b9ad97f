"""The state of a training run on disk: enough to continue to the same weights."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import Precision
from torch import nn
from torch.optim import Optimizer

from contravox.errors import CheckpointError, RecipeError
from contravox.training.processes import RandomState, restore_random_state
from contravox.training.recipe import Recipe
from contravox.writing import atomic_path

NAME = "checkpoint.pt"

WITHOUT_EFFECT = (
    *("data.workers", "data.speakers", "data.utterances", "data.allow_overlap"),
    "training.checkpoint_steps",
)
"""Keys of a recipe whose values may change between two parts of a run."""

COMPARED_BY_CONTENT = (
    *("data.manifest", "data.validation_trials", "data.validation_manifest"),
    *("augmentation.noises", "augmentation.rooms"),
    *("training.initial_model", "training.initial_objectives"),
)
"""Files may lie elsewhere, as long as they hold the same: see ``input_digests``."""


@dataclass
class Progress:
    """How far a run has come.

    step: optimiser steps taken. best_rate: lowest validation equal error rate so far, or None.
    unimproved: validations since. seconds: spent training, over all sessions.
    """

    step: int = 0
    best_rate: float | None = None
    unimproved: int = 0
    seconds: float = 0.0
    finished: bool = False


def save_checkpoint(
    folder: Path,
    recipe: Recipe,
    inputs: Mapping[str, str],
    progress: Progress,
    system: nn.Module,
    optimiser: Optimizer,
    precision: Precision,
    states: Sequence[RandomState],
) -> None:
    """Write ``checkpoint.pt``, whole or not at all.

    inputs: see ``input_digests``. states: of every process's random numbers.

    Raises OutputError.
    """
    state = {
        "version": version("contravox"),
        "recipe": recipe.model_dump(mode="json"),
        "inputs": dict(inputs),
        "progress": asdict(progress),
        "system": system.state_dict(),
        "optimiser": optimiser.state_dict(),
        "precision": precision.state_dict(),
        "random_states": list(states),
    }
    data = BytesIO()
    torch.save(state, data)
    with atomic_path(folder / NAME) as temporary:
        # Written by Python, whose error on a full disk can be told from others.
        temporary.write_bytes(data.getbuffer())


def read_checkpoint(folder: Path, recipe: Recipe, inputs: Mapping[str, str]) -> dict[str, Any]:
    """Read the checkpoint of ``recipe`` and ``inputs``. Nothing in the file is executed.

    Raises CheckpointError where it is not whole, or is of another recipe, of files that held
    something else, or of another version of contravox.
    """
    path = folder / NAME
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        before = Recipe.validate_keys(state["recipe"], str(path))
    except (RuntimeError, EOFError, KeyError, TypeError, OSError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path}: not a whole checkpoint: delete it and train again from the start"
        ) from error
    except RecipeError:
        before = None
    whole = {"version", "inputs", "progress", "system", "optimiser", "precision", "random_states"}
    if before is None or not state.keys() >= whole or state["version"] != version("contravox"):
        raise CheckpointError(
            f"{path}: of another version of contravox: delete it and train again from the start, "
            "or resume with that version"
        )
    difference = _first_difference(decisive_settings(before), decisive_settings(recipe))
    if difference:
        key, old, new = difference
        raise CheckpointError(
            f"{path}: was trained with {key}={old}, this recipe says {new}: "
            "set it back, or train into another folder"
        )
    for key in sorted(state["inputs"].keys() | inputs.keys()):
        if state["inputs"].get(key) != inputs.get(key):
            raise CheckpointError(
                f"{path}: {key} held something else when this was trained: put the same back, or "
                "train into another folder"
            )
    return state


def decisive_settings(recipe: Recipe) -> dict[str, Any]:
    """What a recipe says that decides the weights, but for the content of its files."""
    settings = recipe.model_dump(mode="json")
    for key in (*WITHOUT_EFFECT, *COMPARED_BY_CONTENT):
        group, _, last = key.partition(".")
        (settings[group] or {}).pop(last, None)
    return settings


def restore(
    state: dict[str, Any], system: nn.Module, optimiser: Optimizer, precision: Precision
) -> Progress:
    """Put a checkpoint's weights, optimiser, scale of the loss and random state back."""
    system.load_state_dict(state["system"])
    optimiser.load_state_dict(state["optimiser"])
    # A CPU has no float16, and nothing to scale.
    if state["precision"]:
        precision.load_state_dict(state["precision"])
    restore_random_state(state["random_states"])
    return Progress(**state["progress"])


def _first_difference(old: Any, new: Any, key: str = "") -> tuple[str, Any, Any] | None:
    """The first key whose values differ, and its values; None if none does."""
    if key == "objectives" and list(old) != list(new) and set(old) == set(new):
        # The optimiser's state goes by their order.
        return "the order of objectives", ", ".join(old), ", ".join(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            below = f"{key}.{name}" if key else name
            difference = _first_difference(old.get(name), new.get(name), below)
            if difference:
                return difference
        return None
    return None if old == new else (key, old, new)

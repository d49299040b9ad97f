"""The state of a training run on disk: enough to continue to the same weights."""

import pickle
from collections.abc import Sequence
from dataclasses import asdict, dataclass
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
    progress: Progress,
    system: nn.Module,
    optimiser: Optimizer,
    precision: Precision,
    states: Sequence[RandomState],
) -> None:
    """Write ``checkpoint.pt``, whole or not at all; states are every process's random numbers'.

    Raises OutputError.
    """
    state = {
        "recipe": recipe.model_dump(mode="json"),
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


def read_checkpoint(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """Read the checkpoint of ``recipe``. Nothing in the file is executed.

    Raises CheckpointError where it is not whole, or was trained with another recipe.
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
    whole = {"progress", "system", "optimiser", "precision", "random_states"}
    if before is None or not state.keys() >= whole:
        raise CheckpointError(
            f"{path}: of another version of contravox: delete it and train again from the start, "
            "or resume with that version"
        )
    difference = first_difference(before, recipe)
    if difference:
        key, old, new = difference
        raise CheckpointError(
            f"{path}: was trained with {key}={old}, this recipe says {new}: "
            "set it back, or train into another folder"
        )
    return state


def first_difference(old: Recipe, new: Recipe) -> tuple[str, Any, Any] | None:
    """The first key that makes two recipes train differently, and its values; None if none does."""
    return _first_difference(old.model_dump(), new.model_dump())


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
    """The first key whose values differ; how many processes read the data decides nothing."""
    if key == "data.workers":
        return None
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

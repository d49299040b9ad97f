"""The state of a training run on disk: enough to continue to the same weights."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import torch
from lightning_fabric.plugins import Precision
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn
from torch.optim import Optimizer

from contravox.errors import CheckpointError, RecipeError, brief
from contravox.files.weights import kind_of, wrong_with
from contravox.files.writing import atomic_path
from contravox.settings import Share, first_mistake
from contravox.training.processes import RandomState, restore_random_state
from contravox.training.prolonging import check_length
from contravox.training.recipe import Recipe

NAME = "checkpoint.pt"

WITHOUT_EFFECT = (
    *("data.workers", "data.speakers", "data.utterances"),
    *("data.allow_overlap", "data.unreadable_share"),
    "training.checkpoint_steps",
)
"""Keys of a recipe whose values may change between two parts of a run."""

COMPARED_BY_CONTENT = (
    *("data.manifest", "data.targets", "data.teacher"),
    *("data.validation_trials", "data.validation_manifest"),
    *("augmentation.noises", "augmentation.rooms"),
    *("training.initial_model", "training.initial_objectives"),
)
"""Files may lie elsewhere, as long as they hold the same: see ``input_digests``."""

CORPORA = "data.manifest: column corpus"
"""Whose digest tells the corpus of each utterance, where epochs are drawn by it."""

ADDED_LATER = (CORPORA, "training.initial_run")
"""Digests that a checkpoint of before they were taken lacks: what they would tell is believed."""


@dataclass
class Progress:
    """How far a run has come.

    step: optimiser steps taken. best_rate: lowest validation equal error rate so far, or None.
    unimproved: validations since. seconds: spent training, over all sessions. left_out: what could
    not be read, see ``LeftOut.entries``. epochs_before: begun by the runs that this one goes on
    from. epochs_begun: those and its own.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    step: Annotated[int, Field(ge=0)] = 0
    best_rate: Share | None = None
    unimproved: Annotated[int, Field(ge=0)] = 0
    seconds: Annotated[float, Field(ge=0)] = 0.0
    finished: bool = False
    left_out: list[tuple[int | None, str, str]] = field(default_factory=list)
    epochs_before: Annotated[int, Field(ge=0)] = 0
    epochs_begun: Annotated[int, Field(ge=0)] = 0


class State(BaseModel):
    """What a checkpoint holds; see ``save_checkpoint``."""

    model_config = ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False)

    version: str
    recipe: dict[str, Any]
    inputs: dict[str, str]
    progress: Progress
    system: dict[str, Tensor]
    optimiser: dict[str, Any]
    precision: dict[str, Annotated[int | float, Field(ge=0)]]
    random_states: list[dict[str, Tensor]] = Field(min_length=1)
    speakers: dict[str, Tensor] = {}


def save_checkpoint(
    folder: Path,
    recipe: Recipe,
    inputs: Mapping[str, str],
    progress: Progress,
    module: nn.Module,
    optimiser: Optimizer,
    precision: Precision,
    states: Sequence[RandomState],
    speakers: Mapping[str, Tensor],
) -> None:
    """Write ``checkpoint.pt``, whole or not at all.

    inputs: see ``input_digests``. states: of every process's random numbers. speakers: of
    ``SpeakerCentroids``, where batches are made by them.

    Raises OutputError.
    """
    state = {
        "version": version("contravox"),
        "recipe": recipe.model_dump(mode="json"),
        "inputs": dict(inputs),
        "progress": asdict(progress),
        "system": module.state_dict(),
        "optimiser": optimiser.state_dict(),
        "precision": precision.state_dict(),
        "random_states": list(states),
        "speakers": dict(speakers),
    }
    data = BytesIO()
    torch.save(state, data)
    with atomic_path(folder / NAME) as temporary:
        # Written by Python, whose error on a full disk can be told from others.
        temporary.write_bytes(data.getbuffer())


def read_checkpoint(
    folder: Path, recipe: Recipe, inputs: Mapping[str, str], steps_per_epoch: int
) -> State:
    """Read the checkpoint of ``recipe`` and ``inputs``, to be resumed.

    The recipe may have more epochs or fewer than the run had: see ``check_length``.

    Raises CheckpointError where it is not whole, or is of another recipe, of files that held
    something else, or of another version of contravox.
    """
    path = folder / NAME
    state, before = read_state(path)
    _compare(path, state, before, recipe, inputs)
    old, new, progress = before.training, recipe.training, state.progress
    most = steps_per_epoch * old.epochs
    if progress.step > most:
        raise _not_whole(path, f"step {progress.step:,} of {most:,}")
    if (old.epochs, old.schedule) != (new.epochs, new.schedule):
        check_length(
            folder,
            old,
            new,
            step=progress.step,
            steps_per_epoch=steps_per_epoch,
            finished=progress.finished,
        )
        progress.finished = False
    return state


def read_state(path: Path) -> tuple[State, Recipe]:
    """Read a checkpoint and the recipe that it is of. Nothing in the file is executed.

    Raises CheckpointError where it is not whole, or of another version of contravox.
    """
    if not path.is_file():
        raise _not_whole(path, "no file")
    try:
        raw = torch.load(path, map_location="cpu", weights_only=True)
    # The errors of so many readers inside one another are not worth telling apart.
    except Exception as error:
        raise _not_whole(path, type(error).__name__) from error
    another = CheckpointError(
        f"{path}: of another version of contravox: delete it and train again from the start, "
        "or resume with that version"
    )
    if not isinstance(raw, dict):
        raise _not_whole(path, "no state of a training")
    if raw.get("version") != version("contravox"):
        raise another
    try:
        state = State.model_validate(raw)
        before = Recipe.validate_keys(state.recipe, str(path))
    except ValidationError as error:
        keys, reason, _ = first_mistake(error)
        raise _not_whole(path, f"{'.'.join(keys)}: {reason}") from error
    except RecipeError:
        raise another from None
    return state, before


def _not_whole(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{path}: not a whole checkpoint ({reason}): delete it and train again from the start"
    )


def _compare(
    path: Path, state: State, before: Recipe, recipe: Recipe, inputs: Mapping[str, str]
) -> None:
    """Raise CheckpointError where a checkpoint is of another run."""
    then, now = decisive_settings(before), decisive_settings(recipe)
    for each in (then, now):
        # Of which `check_length` decides.
        del each["training"]["epochs"], each["training"]["schedule"]
    difference = first_difference(then, now)
    if difference:
        key, old, new = difference
        raise CheckpointError(
            f"{path}: was trained with {key}={brief(str(old))}, this recipe says "
            f"{brief(str(new))}: set it back, or train into another folder"
        )
    for key in sorted(state.inputs.keys() | inputs.keys()):
        if key in ADDED_LATER and key not in state.inputs:
            continue
        if state.inputs.get(key) != inputs.get(key):
            raise CheckpointError(
                f"{path}: {key} held something else when this was trained: put the same back, or "
                "train into another folder"
            )


def decisive_settings(recipe: Recipe) -> dict[str, Any]:
    """What a recipe says that decides the weights, but for the content of its files."""
    settings = recipe.model_dump(mode="json")
    for key in (*WITHOUT_EFFECT, *COMPARED_BY_CONTENT):
        group, _, last = key.partition(".")
        (settings[group] or {}).pop(last, None)
    return settings


def restore(
    folder: Path, state: State, module: nn.Module, optimiser: Optimizer, precision: Precision
) -> Progress:
    """Put a checkpoint's weights, optimiser, scale of the loss and random state back.

    Raises CheckpointError where they are not those of the module, of which nothing is changed then.
    """
    path = folder / NAME
    try:
        _check_module(path, state, module)
        _check_optimiser(path, state, optimiser)
        restore_random_state(state.random_states)
        # A CPU has no float16, and nothing to scale.
        if state.precision:
            precision.load_state_dict(state.precision)
        optimiser.load_state_dict(state.optimiser)
    except CheckpointError:
        raise
    # Of whatever torch finds in them.
    except Exception as error:
        raise _not_whole(path, type(error).__name__) from error
    module.load_state_dict(state.system)
    return state.progress


def _check_module(path: Path, state: State, module: nn.Module) -> None:
    expected = module.state_dict()
    for name in sorted(expected.keys() | state.system.keys()):
        there, needed = kind_of(state.system.get(name)), kind_of(expected.get(name))
        if there != needed:
            raise _not_whole(path, f"{brief(name)} is {there} and should be {needed}")
        reason = wrong_with(name, state.system[name])
        if reason:
            raise _not_whole(path, f"{brief(name)} {reason}")


def _check_optimiser(path: Path, state: State, optimiser: Optimizer) -> None:
    """What ``load_state_dict`` would believe: groups' settings, and sizes of what is remembered."""
    settings = [
        [{**group, "lr": 0} for group in each.get("param_groups") or [{}]]
        for each in (state.optimiser, optimiser.state_dict())
    ]
    if settings[0] != settings[1]:
        raise _not_whole(path, "the optimiser is of other parameters")
    parameters = [each for group in optimiser.param_groups for each in group["params"]]
    remembered = state.optimiser.get("state")
    # Without momentum there is nothing, nor while float16 leaves out its first steps.
    remembers = not state.precision and optimiser.param_groups[0].get("momentum") != 0
    if not isinstance(remembered, dict) or (state.progress.step and remembers and not remembered):
        raise _not_whole(path, "the optimiser remembers nothing")
    for number, values in remembered.items():
        for name, value in values.items():
            shapes = {torch.Size([]), parameters[number].shape}
            if isinstance(value, Tensor) and not (value.shape in shapes and value.isfinite().all()):
                raise _not_whole(path, f"the optimiser's {brief(str(name))} is damaged")


def first_difference(old: Any, new: Any, key: str = "") -> tuple[str, Any, Any] | None:
    """The first key whose values differ, and its values; None if none does."""
    if key == "objectives" and list(old) != list(new) and set(old) == set(new):
        # The optimiser's state goes by their order.
        return "the order of objectives", ", ".join(old), ", ".join(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            below = f"{key}.{name}" if key else name
            difference = first_difference(old.get(name), new.get(name), below)
            if difference:
                return difference
        return None
    return None if old == new else (key, old, new)

"""What objectives learned, on disk: a later stage of training goes on from it."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import save
from torch import Tensor

from contravox.errors import ModelError, RecipeError
from contravox.files.weights import kind_of, read_weights
from contravox.files.writing import atomic_path
from contravox.objectives import Objectives
from contravox.objectives.classifier import Classifier

NAME = "objectives.safetensors"
"""Beside the model of the same epoch."""

_SPEEDS: TypeAdapter[list[float] | None] = TypeAdapter(list[float] | None)


def save_objectives(
    path: Path, objectives: Objectives, classes: str, speeds: Sequence[float]
) -> None:
    """Write class vectors, heads and learned scales, by the objectives' names in the recipe.

    classes: ``TrainingSet.class_digest``. speeds: ``data.speeds``, at each of which all classes are
    there once more. Raises OutputError.
    """
    # In one entry, as the order of several is another in every file.
    metadata = {"classes": f"{classes} {json.dumps(list(speeds))}"}
    tensors = {name: each.contiguous() for name, each in objectives.by_name.state_dict().items()}
    with atomic_path(path) as temporary:
        # Written by Python, whose error on a full disk can be told from others.
        temporary.write_bytes(save(tensors, metadata=metadata))


def load_objectives(
    path: Path, objectives: Objectives, classes: str, speeds: Sequence[float]
) -> None:
    """Let objectives start from those of ``save_objectives`` that have the same names.

    Objectives that the file lacks stay as they are. Of its classes those at ``speeds`` are kept,
    in that order, beside those at the speed of the recordings.

    Raises ModelError for another file, RecipeError where no name is the same, a shape differs, or
    the classes are of other speakers than ``classes``, or lack one of ``speeds``.
    """
    before, speeds_before, kept = _read(path)
    state = objectives.by_name.state_dict()
    shared = sorted(state.keys() & kept.keys())
    if not shared:
        raise RecipeError(
            f"training.initial_objectives: {path} holds {_names(kept)}, this recipe's objectives "
            f"are {', '.join(objectives.by_name)}: give what shall go on the same name"
        )
    per_class = {
        f"{name}.{parameter}"
        for name, objective in objectives.by_name.items()
        if isinstance(objective, Classifier)
        for parameter, _ in objective.named_parameters()
    }
    for name in shared:
        values = kept[name]
        if name in per_class:
            if classes != before:
                raise RecipeError(
                    f"training.initial_objectives: {path} was trained on other speakers or "
                    "utterances: train on the same manifests, or leave initial_objectives out"
                )
            if values.ndim:
                values = _at_speeds(values, speeds_before, speeds, len(state[name]), path)
        if (values.shape, values.dtype) != (state[name].shape, state[name].dtype):
            raise RecipeError(
                f"training.initial_objectives: {name} is {kind_of(values)} in {path} and "
                f"{kind_of(state[name])} in this recipe: set {name.partition('.')[0]} as it "
                "was, or give it another name to start anew"
            )
        state[name].copy_(values)


def _at_speeds(
    values: Tensor,
    before: Sequence[float] | None,
    now: Sequence[float],
    count: int,
    path: Path,
) -> Tensor:
    """Of rows of classes, those at the speed of the recordings, then those at each of ``now``.

    before: the speeds that they are of beside that. count: rows that there should be.
    """
    if before is None:
        # A file of before speeds were written: as many are believed to be of the same.
        return values if now else values[:count]
    absent = [speed for speed in now if speed not in before]
    if absent:
        raise RecipeError(
            f"training.initial_objectives: {path} was trained with data.speeds={list(before)} and "
            f"has no classes at {absent[0]:g}: leave it out of data.speeds, or leave "
            "initial_objectives out"
        )
    blocks = values.tensor_split(1 + len(before))
    return torch.cat([blocks[0], *(blocks[1 + before.index(speed)] for speed in now)])


def _read(path: Path) -> tuple[str, list[float] | None, dict[str, Tensor]]:
    """The digest of the classes, their other speeds where it says so, and the tensors by name."""
    if not path.is_file():
        raise ModelError(f"{path}: no such file: `contravox train` writes one beside each model")
    metadata, tensors = read_weights(path)
    if "classes" not in metadata:
        raise ModelError(f"{path}: holds no objectives: name the {NAME} beside the model")
    classes, _, told = metadata["classes"].partition(" ")
    try:
        speeds = _SPEEDS.validate_json(told or "null")
    except ValidationError:
        raise ModelError(f"{path}: damaged (speeds): copy or train it again") from None
    return classes, speeds, tensors


def _names(tensors: dict[str, Tensor]) -> str:
    return ", ".join(sorted({name.partition(".")[0] for name in tensors})) or "none"

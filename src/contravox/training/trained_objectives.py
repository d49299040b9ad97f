"""What objectives learned, on disk: a later stage of training goes on from it."""

from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from contravox.errors import ModelError, RecipeError
from contravox.files.weights import kind_of, read_weights
from contravox.files.writing import atomic_path
from contravox.objectives import Objectives
from contravox.objectives.classifier import Classifier

NAME = "objectives.safetensors"
"""Beside the model of the same epoch."""


def save_objectives(path: Path, objectives: Objectives, classes: str) -> None:
    """Write class vectors, heads and learned scales, by the objectives' names in the recipe.

    classes: ``TrainingSet.class_digest``. Raises OutputError.
    """
    tensors = {name: each.contiguous() for name, each in objectives.by_name.state_dict().items()}
    with atomic_path(path) as temporary:
        # Written by Python, whose error on a full disk can be told from others.
        temporary.write_bytes(save(tensors, metadata={"classes": classes}))


def load_objectives(path: Path, objectives: Objectives, classes: str) -> None:
    """Let objectives start from those of ``save_objectives`` that have the same names.

    Objectives that the file lacks stay as they are. Of its classes only the first are kept where
    it has more: the rest are those of perturbed speeds.

    Raises ModelError for another file, RecipeError where no name is the same, a shape differs, or
    the classes are of other speakers than ``classes``.
    """
    before, kept = _read(path)
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
            values = values[: len(state[name])] if values.ndim else values
        if (values.shape, values.dtype) != (state[name].shape, state[name].dtype):
            raise RecipeError(
                f"training.initial_objectives: {name} is {kind_of(values)} in {path} and "
                f"{kind_of(state[name])} in this recipe: set {name.partition('.')[0]} as it "
                "was, or give it another name to start anew"
            )
        state[name].copy_(values)


def _read(path: Path) -> tuple[str, dict[str, Tensor]]:
    """The digest of the classes, and the tensors by name."""
    if not path.is_file():
        raise ModelError(f"{path}: no such file: `contravox train` writes one beside each model")
    metadata, tensors = read_weights(path)
    classes = metadata.get("classes")
    if classes is None:
        raise ModelError(f"{path}: holds no objectives: name the {NAME} beside the model")
    return classes, tensors


def _names(tensors: dict[str, Tensor]) -> str:
    return ", ".join(sorted({name.partition(".")[0] for name in tensors})) or "none"

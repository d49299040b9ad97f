"""Where training starts: at random weights, or where another run ended."""

from pathlib import Path

import torch

from contravox.errors import RecipeError
from contravox.inference.graph_weights import take_weights
from contravox.model import Model
from contravox.trained_on import TrainedOn
from contravox.training.processes import synchronise_batchnorm
from contravox.training.recipe import Recipe
from contravox.training.trained_objectives import load_objectives
from contravox.training.training_module import TrainingModule
from contravox.training.training_set import TrainingSet


def start_module(
    recipe: Recipe, classes: int, corpus: TrainingSet | None
) -> tuple[TrainingModule, TrainedOn]:
    """What a recipe starts from, the same for the same seed, and what that learned from.

    classes: of the training corpus. corpus: None where it is not there, as in a dry run; class
    vectors of another run, whose speakers cannot be compared then, are left out.

    Raises RecipeError, ModelError where the recipe and the other run's files do not fit.
    """
    settings, trained_on = recipe.training, TrainedOn()
    torch.manual_seed(settings.seed)
    # Without the corpus there is no teacher to look at: its embeddings may be as long as these.
    stand_in = recipe.encoder.embedding_size if recipe.data.has_teacher else None
    module = TrainingModule(recipe, classes, corpus.target_size if corpus else stand_in)
    if settings.initial_model is not None:
        trained_on = _load_model(module.model, settings.initial_model, recipe)
    if settings.initial_objectives is not None and corpus is not None:
        load_objectives(
            settings.initial_objectives,
            module.objectives,
            corpus.class_digest,
            recipe.data.speeds,
        )
    if settings.sync_batchnorm:
        synchronise_batchnorm(module)
    return module, trained_on


def _load_model(model: Model, path: Path, recipe: Recipe) -> TrainedOn:
    """Give ``model`` a trained one's weights."""
    if path.suffix.lower() == ".onnx":
        return TrainedOn.of_model(path, take_weights(model, path).settings)
    initial = Model.load(path)
    for key in ("features", "encoder"):
        ours, theirs = getattr(recipe, key), getattr(initial.settings, key)
        if ours != theirs:
            raise RecipeError(
                f"training.initial_model: {path} has another {key} ({theirs!r}): "
                f"set this recipe's {key} to that"
            )
    model.load_state_dict(initial.state_dict())
    return TrainedOn.of_model(path, initial.settings)

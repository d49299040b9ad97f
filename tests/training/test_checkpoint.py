import pytest
import torch
from lightning_fabric.plugins import MixedPrecision, Precision
from torch import nn
from torch.optim import SGD

from contravox.errors import CheckpointError
from contravox.training.checkpoint import Progress, read_checkpoint, restore, save_checkpoint
from contravox.training.processes import random_states
from contravox.training.recipe import Recipe

FIRST = {"name": "aam_softmax"}
SECOND = {"name": "supcon"}
INPUTS = {"data.manifest": "a digest"}


def make_recipe(**objectives):
    return Recipe.model_validate(
        {
            "data": {"manifest": "none.tsv"},
            "encoder": {"name": "ecapa_tdnn"},
            "objectives": objectives,
        }
    )


def half_precision(scale):
    """As on a GPU in float16, where losses are scaled by a factor that follows the training."""
    return MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=scale))


def scale_of(precision):
    # Until the first loss there is only the factor to start from.
    precision.scaler.scale(torch.zeros(()))
    return precision.scaler.get_scale()


def save(folder, recipe, precision):
    module = nn.Linear(2, 1)
    optimiser = SGD(module.parameters(), 0.1)
    progress = Progress(step=3, best_rate=0.2)
    save_checkpoint(folder, recipe, INPUTS, progress, module, optimiser, precision, random_states())
    return module


def test_a_checkpoint_of_objectives_in_another_order_is_refused(tmp_path):
    save(tmp_path, make_recipe(a=FIRST, b=SECOND), Precision())
    state = read_checkpoint(tmp_path, make_recipe(a=FIRST, b=SECOND), INPUTS)
    assert state["progress"]["step"] == 3
    with pytest.raises(
        CheckpointError, match=r"the order of objectives=a, b, this recipe says b, a"
    ):
        read_checkpoint(tmp_path, make_recipe(b=SECOND, a=FIRST), INPUTS)
    with pytest.raises(CheckpointError, match=r"objectives\.b="):
        read_checkpoint(tmp_path, make_recipe(a=FIRST), INPUTS)


@pytest.mark.parametrize(
    ("saved", "restored", "scale"),
    [
        (half_precision(8.0), half_precision(2.0), 8.0),
        (Precision(), half_precision(2.0), 2.0),
        (half_precision(8.0), Precision(), None),
    ],
)
def test_everything_that_was_saved_is_restored(saved, restored, scale, tmp_path):
    recipe = make_recipe(a=FIRST)
    if isinstance(saved, MixedPrecision):
        scale_of(saved)
    torch.manual_seed(5)
    before = save(tmp_path, recipe, saved)
    drawn = torch.rand(2)
    module = nn.Linear(2, 1)
    optimiser = SGD(module.parameters(), 0.5)
    progress = restore(read_checkpoint(tmp_path, recipe, INPUTS), module, optimiser, restored)
    assert progress == Progress(step=3, best_rate=0.2)
    assert module.weight.equal(before.weight)
    assert optimiser.param_groups[0]["lr"] == 0.1
    assert torch.rand(2).equal(drawn)
    assert scale is None or scale_of(restored) == scale


def test_a_checkpoint_of_another_version_is_named(tmp_path):
    recipe = make_recipe(one=FIRST)
    save(tmp_path, recipe, Precision())
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    older = {**state, "recipe": {**state["recipe"], "clean_first": False}}
    newer = {**state, "version": "1000.0"}
    del state["random_states"]
    for other in (state, older, newer):
        torch.save(other, tmp_path / "checkpoint.pt")
        with pytest.raises(CheckpointError, match="of another version of contravox: delete it"):
            read_checkpoint(tmp_path, recipe, INPUTS)


@pytest.mark.parametrize("inputs", [{"data.manifest": "another"}, {}, {**INPUTS, "data.more": "b"}])
def test_a_checkpoint_of_files_that_held_something_else_names_them(inputs, tmp_path):
    recipe = make_recipe(one=FIRST)
    save(tmp_path, recipe, Precision())
    with pytest.raises(CheckpointError, match=r"data\.(manifest|more) held something else when"):
        read_checkpoint(tmp_path, recipe, inputs)


def test_what_decides_nothing_may_change(tmp_path):
    recipe = make_recipe(one=FIRST)
    save(tmp_path, recipe, Precision())
    elsewhere = recipe.model_dump()
    elsewhere["data"] |= {"manifest": ("moved.tsv",), "workers": 7, "speakers": 5}
    elsewhere["training"] |= {"checkpoint_steps": 3}
    read_checkpoint(tmp_path, Recipe.model_validate(elsewhere), INPUTS)

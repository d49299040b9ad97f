import contextlib
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning_fabric.plugins import MixedPrecision, Precision
from torch import nn
from torch.optim import SGD

from contravox.errors import CheckpointError
from contravox.training.checkpoint import Progress, read_checkpoint, restore, save_checkpoint
from contravox.training.processes import random_states
from contravox.training.recipe import Recipe
from profiles import examples

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
    optimiser = SGD(module.parameters(), 0.1, momentum=0.9)
    module(torch.ones(2)).backward()
    optimiser.step()
    progress = Progress(step=3, best_rate=0.2)
    states = random_states()
    save_checkpoint(folder, recipe, INPUTS, progress, module, optimiser, precision, states, {})
    return module


def test_a_checkpoint_of_objectives_in_another_order_is_refused(tmp_path):
    save(tmp_path, make_recipe(a=FIRST, b=SECOND), Precision())
    state = read_checkpoint(tmp_path, make_recipe(a=FIRST, b=SECOND), INPUTS, 10)
    assert state.progress.step == 3
    with pytest.raises(
        CheckpointError, match=r"the order of objectives=a, b, this recipe says b, a"
    ):
        read_checkpoint(tmp_path, make_recipe(b=SECOND, a=FIRST), INPUTS, 10)
    with pytest.raises(CheckpointError, match=r"objectives\.b="):
        read_checkpoint(tmp_path, make_recipe(a=FIRST), INPUTS, 10)


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
    optimiser = SGD(module.parameters(), 0.5, momentum=0.9)
    progress = restore(
        tmp_path, read_checkpoint(tmp_path, recipe, INPUTS, 10), module, optimiser, restored
    )
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
    del state["version"]
    for other in (state, older, newer):
        torch.save(other, tmp_path / "checkpoint.pt")
        with pytest.raises(CheckpointError, match="of another version of contravox: delete it"):
            read_checkpoint(tmp_path, recipe, INPUTS, 10)


@pytest.mark.parametrize("inputs", [{"data.manifest": "another"}, {}, {**INPUTS, "data.more": "b"}])
def test_a_checkpoint_of_files_that_held_something_else_names_them(inputs, tmp_path):
    recipe = make_recipe(one=FIRST)
    save(tmp_path, recipe, Precision())
    with pytest.raises(CheckpointError, match=r"data\.(manifest|more) held something else when"):
        read_checkpoint(tmp_path, recipe, inputs, 10)


@pytest.mark.parametrize("key", ["training.initial_run", "data.manifest: column corpus"])
def test_a_checkpoint_of_before_a_digest_was_taken_is_resumed(key, tmp_path):
    recipe = make_recipe(one=FIRST)
    save(tmp_path, recipe, Precision())
    read_checkpoint(tmp_path, recipe, {**INPUTS, key: "a digest"}, 10)


def test_what_decides_nothing_may_change(tmp_path):
    recipe = make_recipe(one=FIRST)
    save(tmp_path, recipe, Precision())
    elsewhere = recipe.model_dump()
    elsewhere["data"] |= {
        "manifest": ("moved.tsv",),
        "targets": "moved.npz",
        "workers": 7,
        "speakers": 5,
    }
    elsewhere["training"] |= {"checkpoint_steps": 3}
    read_checkpoint(tmp_path, Recipe.model_validate(elsewhere), INPUTS, 10)


def damaged(*keys, value):
    """Replace what a checkpoint holds, several levels down."""

    def damage(state):
        for key in keys[:-1]:
            state = state[key]
        state[keys[-1]] = value

    return damage


NAN = float("nan")
DAMAGES = {
    "progress a list": damaged("progress", value=[1, 2]),
    "progress empty of sense": damaged("progress", value={"steps": 3}),
    "a step far beyond the last": damaged("progress", "step", value=10**9),
    "a step before the first": damaged("progress", "step", value=-1),
    "a step that is text": damaged("progress", "step", value="many"),
    "a rate that is none": damaged("progress", "best_rate", value=NAN),
    "a rate above 1": damaged("progress", "best_rate", value=30.0),
    "seconds that are none": damaged("progress", "seconds", value=float("inf")),
    "no inputs": damaged("inputs", value=None),
    "a recipe that is a list": damaged("recipe", value=[]),
    "no weights": damaged("system", value={}),
    "weights a list": damaged("system", value=[1]),
    "weights that are no tensors": damaged("system", "weight", value=1),
    "weights of another shape": damaged("system", "weight", value=torch.zeros(3, 2)),
    "weights of another type": damaged("system", "weight", value=torch.ones(1, 2).half()),
    "weights that are not finite": damaged("system", "weight", value=torch.ones(1, 2) * NAN),
    "more weights": damaged("system", "more", value=torch.zeros(1)),
    "an optimiser that is empty": damaged("optimiser", value={}),
    "an optimiser without memory": damaged("optimiser", "state", value={}),
    "an optimiser of no parameters": damaged("optimiser", "param_groups", value=[]),
    "an optimiser of other parameters": damaged(
        "optimiser", "param_groups", 0, "params", value=[0]
    ),
    "an optimiser of other settings": damaged(
        "optimiser", "param_groups", 0, "momentum", value=0.1
    ),
    "memory of a parameter too many": damaged("optimiser", "state", 7, value={"momentum": 1}),
    "memory of another shape": damaged(
        "optimiser", "state", 0, "momentum_buffer", value=torch.zeros(5)
    ),
    "memory that is not finite": damaged(
        "optimiser", "state", 0, "momentum_buffer", value=torch.ones(1, 2) * NAN
    ),
    "a scale that is text": damaged("precision", value={"scale": "large"}),
    "a scale that is none": damaged("precision", value={"scale": NAN}),
    "no random state": damaged("random_states", value=[]),
    "an empty random state": damaged("random_states", value=[{}]),
    "a random state cut short": damaged("random_states", 0, "cpu", value=torch.zeros(3).byte()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_checkpoint_that_is_wrong_is_one_line_and_changes_nothing(damage, tmp_path):
    recipe = make_recipe(one=FIRST)
    save(tmp_path, recipe, Precision())
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    damage(state)
    torch.save(state, tmp_path / "checkpoint.pt")
    module = nn.Linear(2, 1)
    before = module.weight.clone()
    optimiser = SGD(module.parameters(), 0.1, momentum=0.9)
    with pytest.raises(CheckpointError, match=r"not a whole checkpoint .*: delete it") as caught:
        restore(
            tmp_path,
            read_checkpoint(tmp_path, recipe, INPUTS, 10),
            module,
            optimiser,
            half_precision(2.0),
        )
    assert module.weight.equal(before)
    assert not optimiser.state
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"text", b"PK\3\4", pickle.dumps(print), b"\x80\x02."])
def test_a_file_that_is_no_checkpoint(content, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match="not a whole checkpoint"):
        read_checkpoint(tmp_path, make_recipe(one=FIRST), INPUTS, 10)


@examples(100)
@given(st.data())
def test_whatever_bytes_a_file_holds_it_is_a_checkpoint_or_one_line(tmp_path, data):
    recipe = make_recipe(one=FIRST)
    save(tmp_path, recipe, Precision())
    path = tmp_path / "checkpoint.pt"
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    inserted = data.draw(st.binary(max_size=12))
    path.write_bytes(whole[:start] + inserted + whole[start + data.draw(st.integers(0, 12)) :])
    module = nn.Linear(2, 1)
    optimiser = SGD(module.parameters(), 0.1, momentum=0.9)
    with contextlib.suppress(CheckpointError):
        state = read_checkpoint(tmp_path, recipe, INPUTS, 10)
        restore(tmp_path, state, module, optimiser, Precision())

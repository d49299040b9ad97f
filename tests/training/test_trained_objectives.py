import pytest
import torch
from safetensors.torch import save

from contravox.errors import ModelError, RecipeError
from contravox.files.weights import read_weights
from contravox.objectives import Objectives, Site
from contravox.training.recipe import Recipe
from contravox.training.trained_objectives import load_objectives, save_objectives

FIRST = {
    "classification": {"name": "softmax"},
    "contrast": {"name": "multiscale", "head_size": 3},
    "similarity": {"name": "angular_contrastive"},
}


def make(settings=FIRST, classes=4, seed=0):
    recipe = Recipe.model_validate(
        {
            "data": {"manifest": "none.tsv"},
            "encoder": {"name": "ecapa_tdnn"},
            "objectives": settings,
        }
    )
    torch.manual_seed(seed)
    objectives = Objectives(recipe.objectives, Site(5, (2, 2), classes))
    # What is constant at first would be equal without being loaded.
    for tensor in objectives.state_dict().values():
        tensor.copy_(torch.rand(tensor.shape).to(tensor) + seed)
    return objectives


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "objectives.safetensors"
    save_objectives(path, make(), "speakers", ())
    return path


def test_all_that_was_saved_is_loaded(saved):
    before, after = make(), make(seed=1)
    assert not any(
        value.equal(after.state_dict()[name]) for name, value in before.state_dict().items()
    )
    load_objectives(saved, after, "speakers", ())
    for name, value in before.state_dict().items():
        assert value.equal(after.state_dict()[name]), name


def test_only_the_same_names_go_on(saved):
    changed = {
        "contrast": FIRST["contrast"],
        "other": FIRST["similarity"],
        "classes": {"name": "aam_softmax"},
    }
    new, kept = make(changed, seed=1), make(changed, seed=1).state_dict()
    load_objectives(saved, new, "other speakers", ())
    before = make().state_dict()
    for name, value in new.state_dict().items():
        expected = before[name] if "contrast" in name else kept[name]
        assert value.equal(expected), name


@pytest.mark.parametrize(
    ("speeds", "blocks"), [((), [0]), ((1.1,), [0, 2]), ((1.1, 0.9), [0, 2, 1])]
)
def test_classes_go_on_at_their_own_speed(speeds, blocks, tmp_path):
    path = tmp_path / "objectives.safetensors"
    first, second = make(classes=12), make(classes=4 * len(blocks), seed=1)
    save_objectives(path, first, "speakers", (0.9, 1.1))
    load_objectives(path, second, "speakers", speeds)
    for name in ("prototypes", "bias"):
        before, ours = (getattr(each.by_name["classification"], name) for each in (first, second))
        assert ours.equal(torch.cat([before[4 * block : 4 * block + 4] for block in blocks]))


@pytest.mark.parametrize("speeds", [(1.1,), (0.9, 1.1)])
def test_classes_at_a_speed_that_was_not_trained_are_refused(speeds, tmp_path):
    path = tmp_path / "objectives.safetensors"
    save_objectives(path, make(classes=8), "speakers", (0.9,))
    with pytest.raises(
        RecipeError, match=r"with data\.speeds=\[0\.9\] and has no classes at 1\.1: leave it out of"
    ):
        load_objectives(path, make(classes=4 + 4 * len(speeds)), "speakers", speeds)


@pytest.mark.parametrize("speeds", [(), (0.9, 1.1)])
def test_a_file_that_does_not_say_its_speeds_is_believed(speeds, tmp_path):
    """As those of before are."""
    path = tmp_path / "objectives.safetensors"
    classes = 4 + 4 * len(speeds)
    first, second = make(classes=12), make(classes=classes, seed=1)
    save_objectives(path, first, "speakers", (0.9, 1.1))
    _, tensors = read_weights(path)
    path.write_bytes(save(tensors, metadata={"classes": "speakers"}))
    load_objectives(path, second, "speakers", speeds)
    vectors = second.by_name["classification"].prototypes
    assert vectors.equal(first.by_name["classification"].prototypes[:classes])
    path.write_bytes(save(tensors, metadata={"classes": "speakers [0.9"}))
    with pytest.raises(ModelError, match=r"damaged \(speeds\): copy or train it again"):
        load_objectives(path, second, "speakers", speeds)


@pytest.mark.parametrize(
    ("settings", "classes", "reason"),
    [
        ({"one": {"name": "aam_softmax"}}, 4, "holds classification, contrast, similarity, .* one"),
        (
            FIRST,
            5,
            r"classification\.bias is \(4,\) .* \(5,\) float32 in this recipe: set",
        ),
        (
            {**FIRST, "contrast": {"name": "multiscale", "head_size": 2}},
            4,
            r"contrast\.heads\.0\.\S+ is .* set contrast as it was",
        ),
    ],
)
def test_what_does_not_fit_is_named(saved, settings, classes, reason):
    with pytest.raises(RecipeError, match=reason) as caught:
        load_objectives(saved, make(settings, classes), "speakers", ())
    assert "\n" not in str(caught.value)
    assert str(saved) in str(caught.value)


def test_other_speakers_are_refused(saved):
    with pytest.raises(
        RecipeError, match="was trained on other speakers or utterances: train on the same"
    ):
        load_objectives(saved, make(), "others", ())


def test_files_that_are_no_objectives(saved, tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        load_objectives(tmp_path / "none", make(), "speakers", ())
    half = tmp_path / "half"
    half.write_bytes(saved.read_bytes()[:100])
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        load_objectives(half, make(), "speakers", ())


def test_objectives_without_anything_trained(tmp_path):
    nothing = {"one": {"name": "uniformity"}}
    save_objectives(tmp_path / "o", make(nothing), "speakers", ())
    with pytest.raises(RecipeError, match="holds none, this recipe's objectives are one"):
        load_objectives(tmp_path / "o", make(nothing), "speakers", ())

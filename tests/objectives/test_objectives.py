import copy

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from contravox.encoders.encoder import EncoderOutput, FeatureMap
from contravox.errors import RecipeError
from contravox.objectives import Objectives, ObjectiveSettings
from contravox.objectives.functional import class_attention, supcon_loss

CHANNELS = (4, 6)
ATTENTIVE = {"name": "supcon", "attention": {"sigma": 0.2}}


def build(**recipe):
    settings = TypeAdapter(dict[str, ObjectiveSettings]).validate_python(recipe)
    torch.manual_seed(0)
    return Objectives(settings, embedding_size=5, map_channels=CHANNELS, classes=3)


@pytest.fixture
def output(vectors):
    maps = tuple(FeatureMap(vectors(6, c, 7).float(), torch.full((6,), 7)) for c in CHANNELS)
    return EncoderOutput(vectors(6, 5).float().requires_grad_(), maps)


def test_every_objective_of_a_recipe_gives_a_scalar_that_reaches_the_encoder(output, batch_of):
    names = [
        *("aam_softmax", "am_softmax", "supcon", "nt_xent", "triplet", "multiscale", "uniformity"),
        *("angular_contrastive", "angular_prototypical", "prototypical", "ge2e"),
    ]
    for feature in output.maps:
        feature.values.requires_grad_()
    losses = build(**{f"my_{name}": {"name": name} for name in names})(
        output, batch_of([0, 1, 2, 2, 1, 0])
    )
    assert losses.keys() == {f"my_{name}" for name in names}
    reached = [output.embedding, *(feature.values for feature in output.maps)]
    for name, loss in losses.items():
        assert loss.shape == (), name
        gradients = torch.autograd.grad(loss, reached, retain_graph=True, materialize_grads=True)
        assert any(gradient.abs().max() > 0 for gradient in gradients), name


@pytest.mark.parametrize("order", [("classifier", "contrast"), ("contrast", "classifier")])
def test_attention_looks_at_the_classifier_wherever_it_stands(order, output, batch_of):
    recipe = {"classifier": {"name": "am_softmax"}, "contrast": ATTENTIVE}
    objectives = build(**{name: recipe[name] for name in order})
    batch = batch_of([0, 1, 2, 2, 1, 0])
    prototypes = objectives.by_name["classifier"].prototypes
    attention = class_attention(output.embedding, batch.labels, prototypes, sigma=0.2)
    expected = supcon_loss(output.embedding, batch.labels, attention=attention)
    torch.testing.assert_close(objectives(output, batch)["contrast"], expected)


def test_prototypes_are_registered_once_and_a_copy_looks_at_its_own(output, batch_of):
    objectives = build(classifier={"name": "aam_softmax"}, contrast=ATTENTIVE)
    names = [name for name, _ in objectives.named_parameters(remove_duplicate=False)]
    assert names == ["by_name.classifier.prototypes"]
    copied, batch = copy.deepcopy(objectives), batch_of([0, 1, 2, 2, 1, 0])
    before = objectives(output, batch)["contrast"]
    with torch.no_grad():
        copied.by_name["classifier"].prototypes.neg_()
    assert objectives(output, batch)["contrast"] == before
    assert copied(output, batch)["contrast"] != before


@pytest.mark.parametrize(
    "objective", [ATTENTIVE, {"name": "multiscale", "contrast": ATTENTIVE}], ids=["flat", "nested"]
)
def test_attention_without_a_classifier(objective):
    message = r"objectives\.contrastive\.attention needs a classifier .*add an aam_softmax"
    with pytest.raises(RecipeError, match=message):
        build(contrastive=objective)


def test_errors_name_the_objective(output, batch_of):
    with pytest.raises(RecipeError, match=r"objectives\.scales\.maps: \[5\]"):
        build(scales={"name": "multiscale", "maps": [5]})
    with pytest.raises(RecipeError, match=r"objectives\.spread: needs the same number of segments"):
        build(spread={"name": "uniformity"})(output, batch_of([0, 0, 0, 1, 1, 2]))


@pytest.mark.parametrize("name", ["a.b", "forward", "keys", "1st", ""])
def test_refuses_names_that_a_module_cannot_have(name):
    with pytest.raises(RecipeError, match="cannot be an objective's name"):
        build(**{name: {"name": "supcon"}})


def test_refuses_no_objective():
    with pytest.raises(RecipeError, match="none is named"):
        build()


@pytest.mark.parametrize(
    "objective",
    [
        {"name": "supcom"},
        {"name": "supcon", "temprature": 0.1},
        {"name": "supcon", "temperature": 0},
        {"name": "supcon", "attention": {"form": "weights"}},
        {"name": "aam_softmax", "margin": -0.1},
        {"name": "multiscale", "maps": [-1]},
    ],
)
def test_settings_refuse_what_makes_no_sense(objective):
    with pytest.raises(ValidationError):
        build(contrast=objective)

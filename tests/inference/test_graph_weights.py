"""The weights of an exported model, taken up to be trained further."""

import numpy as np
import pytest
import torch

from contravox.errors import ModelError, RecipeError
from contravox.inference.default_model import DEFAULT_MODEL
from contravox.inference.export import export_model
from contravox.inference.graph_weights import take_weights
from contravox.inference.loading import load_model
from contravox.model import Model, ModelSettings
from contravox.training.recipe import Recipe
from small_models import ENCODERS, small_model


def fresh(encoder, features):
    torch.manual_seed(1)
    return Model(ModelSettings(encoder=encoder, features=features))


def exported(encoder, path):
    """The model that was exported to a path."""
    model = small_model(encoder)
    # As after training, no two are equal: of those that are, a graph has one.
    for each in model.parameters():
        torch.nn.init.normal_(each, each.mean().item(), 0.1)
    export_model(model, "m.safetensors").save(path)
    return model


@pytest.mark.export
@pytest.mark.parametrize(
    "encoder",
    [each for each in ENCODERS if each.name != "mfa_conformer"],
    ids=lambda encoder: encoder.name,
)
def test_they_are_those_that_were_exported(encoder, tmp_path):
    model = exported(encoder, tmp_path / "m.onnx")
    taken = fresh(encoder, model.settings.features)
    assert take_weights(taken, tmp_path / "m.onnx").settings.architecture == encoder.name
    assert taken.training
    expected = model.encoder.state_dict()
    for name, values in taken.encoder.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(values, expected[name]), name


@pytest.mark.export
def test_of_a_graph_that_has_lost_some_they_are_refused(tmp_path):
    [conformer] = [each for each in ENCODERS if each.name == "mfa_conformer"]
    model = exported(conformer, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"has no weights .*or give the \.safetensors"):
        take_weights(fresh(conformer, model.settings.features), tmp_path / "m.onnx")


@pytest.fixture(scope="module")
def adapt():
    return Recipe.read("small/adapt")


def test_of_the_default_model_they_embed_as_it_does(adapt):
    model = fresh(adapt.encoder, adapt.features)
    take_weights(model, DEFAULT_MODEL)
    noise = [np.random.default_rng(5).normal(0, 0.05, 20_000).astype(np.float32)]
    assert np.allclose(model.embed(noise), load_model().embed(noise), atol=2e-4)


def test_of_another_encoder_they_are_refused(adapt):
    other = adapt.encoder.model_copy(update={"channels": 64})
    with pytest.raises(RecipeError, match=r"another encoder \(first\.weight is \(128, 320, 5"):
        take_weights(fresh(other, adapt.features), DEFAULT_MODEL)


def test_with_another_front_end_they_are_refused(adapt):
    other = adapt.features.model_copy(update={"normalisation": "none"})
    with pytest.raises(RecipeError, match=r"other embeddings than .*model\.onnx does"):
        take_weights(fresh(adapt.encoder, other), DEFAULT_MODEL)


def test_weights_of_eight_bits_are_refused(adapt, tmp_path):
    exported = load_model()
    exported.annotate(precision="int8")
    exported.save(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"of int8 weights, .*export it without --int8"):
        take_weights(fresh(adapt.encoder, adapt.features), tmp_path / "m.onnx")

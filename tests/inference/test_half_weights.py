"""A model whose weights take half of the bytes: it hears the same."""

import json

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from contravox.inference.export import export_model
from contravox.inference.graph_weights import take_weights
from contravox.inference.half_weights import HALF, halve_weights
from contravox.inference.onnx_model import OnnxModel
from contravox.model import Model, ModelSettings
from small_models import ENCODERS, small_model
from tones import tone

pytestmark = pytest.mark.export


@pytest.fixture(scope="module", params=ENCODERS, ids=lambda each: each.name)
def both(request):
    """A model's graph, and that with halved weights."""
    exported = export_model(small_model(request.param), "m.safetensors")
    return exported, halve_weights(exported)


def weights(model):
    """What a graph holds, by name."""
    graph = onnx.load_model_from_string(model.file.graph).graph
    return {each.name: numpy_helper.to_array(each) for each in graph.initializer}


def test_embeddings_are_those_of_the_model(both, tmp_path):
    exported, halved = both
    halved.save(tmp_path / "m.onnx")
    waveforms = [tone(seconds, 150, seed=30 + place) for place, seconds in enumerate((1.3, 0.7))]
    before = exported.embed(waveforms)
    for each in (halved, OnnxModel.load(tmp_path / "m.onnx")):
        assert each.settings.precision == "float16"
        found = each.embed(waveforms)
        cosines = (before * found).sum(1) / np.linalg.norm(before, axis=1)
        cosines /= np.linalg.norm(found, axis=1)
        assert (cosines > 1 - 1e-5).all()
    assert halved.digest != exported.digest


def test_of_products_alone_the_weights_are_rounded_to_sixteen_bits(both):
    exported, halved = both
    before, after = weights(exported), weights(halved)
    rounded = {name for name in before if name not in after}
    assert rounded
    for name, values in before.items():
        if name in rounded:
            assert values.ndim > 1
            assert after[name + HALF].dtype == np.float16
            np.testing.assert_array_equal(after[name + HALF], values.astype(np.float16))
        else:
            np.testing.assert_array_equal(after[name], values)
    left = [name for name, each in after.items() if each.dtype == np.float32 and each.ndim > 1]
    assert left
    assert all(name.startswith("features.") for name in left)


def test_weights_too_large_for_sixteen_bits_stay():
    model = small_model(ENCODERS[0])
    with torch.no_grad():
        model.encoder.first.convolution.weight[0, 0, 0] = 70_000
    after = weights(halve_weights(export_model(model, "m.safetensors")))
    assert after["encoder.first.convolution.weight"].max() == 70_000
    assert "encoder.embedding.weight.half" in after


def test_they_can_be_trained_further(tmp_path):
    model = small_model(ENCODERS[0])
    for each in model.parameters():
        torch.nn.init.normal_(each, each.mean().item(), 0.1)
    halve_weights(export_model(model, "m.safetensors")).save(tmp_path / "m.onnx")
    taken = Model(ModelSettings(encoder=ENCODERS[0], features=model.settings.features))
    take_weights(taken, tmp_path / "m.onnx")
    for name, values in model.encoder.named_parameters():
        expected = values.half().float() if values.ndim > 1 else values
        assert torch.equal(taken.encoder.get_parameter(name), expected), name


def test_export_in_sixteen_bits(tmp_path, run):
    model = small_model()
    model.annotate(threshold=0.25)
    model.save(tmp_path / "m.safetensors")
    arguments = ("export", tmp_path / "m.safetensors", "-o", tmp_path / "m.onnx", "--float16")
    status, said, _ = run(*arguments, "--json")
    assert status == 0
    assert json.loads(said)["precision"] == "float16"
    loaded = OnnxModel.load(tmp_path / "m.onnx")
    assert (loaded.settings.precision, loaded.settings.threshold) == ("float16", 0.25)
    whole = export_model(model, "m.safetensors")
    assert (tmp_path / "m.onnx").stat().st_size < len(whole.file.graph)


def test_of_two_ways_one_is_taken(tmp_path, run):
    small_model().save(tmp_path / "m.safetensors")
    output = tmp_path / "m.onnx"
    given = ("export", tmp_path / "m.safetensors", "-o", output, "--float16", "--int8", "x.tsv")
    status, _, error = run(*given)
    assert status == 2
    assert "give --float16 or --int8, not both" in error
    assert not output.exists()

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from contravox.encoders.ecapa_tdnn import EcapaTdnnSettings
from contravox.encoders.fast_resnet34 import FastResNet34Settings
from contravox.encoders.mfa_conformer import MfaConformerSettings
from contravox.errors import ModelError
from contravox.features import FeatureSettings
from contravox.model import Model, ModelSettings
from tones import tone

ENCODERS = [
    EcapaTdnnSettings(channels=32, aggregation=48, bottleneck=16, embedding_size=12),
    MfaConformerSettings(blocks=2, size=32, heads=2, feed_forward=32, embedding_size=12),
    FastResNet34Settings(channels=8, embedding_size=12),
]


@pytest.fixture(params=ENCODERS, ids=lambda settings: settings.name)
def model(request):
    torch.manual_seed(0)
    made = Model(ModelSettings(features=FeatureSettings(bins=24), encoder=request.param))
    # Statistics as after training, so that anything leaking past a row's end would show.
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -1, 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.bias, -1, 1)
    return made.eval()


def test_what_a_waveform_is_embedded_beside_does_not_matter(model):
    waveforms = [tone(seconds, 150, seed=seed) for seed, seconds in enumerate((1.3, 0.1, 0.7))]
    together = model.embed(waveforms)
    assert together.shape == (3, 12)
    for row, waveform in zip(together, waveforms, strict=True):
        np.testing.assert_allclose(model.embed([waveform])[0], row, atol=1e-4)


def test_saved_and_loaded_again(model, tmp_path):
    model.annotate(threshold=0.25, threshold_source="trials", labels_used=False)
    model.save(tmp_path / "m.safetensors")
    loaded = Model.load(tmp_path / "m.safetensors")
    assert loaded.settings == model.settings
    waveform = tone(0.5, 200)
    np.testing.assert_array_equal(loaded.embed([waveform]), model.embed([waveform]))


def test_embedding_leaves_no_trace(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = model.embed([tone(0.5, 200)])
    model.embed([tone(1.0, 100)])
    np.testing.assert_array_equal(model.embed([tone(0.5, 200)]), first)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_files_that_are_no_model(tmp_path):
    model = Model(ModelSettings(encoder=ENCODERS[0]))
    path = tmp_path / "m.safetensors"
    with pytest.raises(ModelError, match="no such model"):
        Model.load(path)
    model.save(path)
    whole = path.read_bytes()
    for data in (whole[: len(whole) // 2], whole[:5], b"", b"text" * 100):
        path.write_bytes(data)
        with pytest.raises(ModelError, match="not a whole model file") as caught:
            Model.load(path)
        assert "\n" not in str(caught.value)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="not a contravox model"):
        Model.load(path)


def test_a_model_of_another_format_or_shape(tmp_path):
    path = tmp_path / "m.safetensors"
    settings = ModelSettings(encoder=ENCODERS[0]).model_dump(mode="json")
    header = {"format": 99, "settings": settings}
    save_file({"a": torch.zeros(1)}, path, metadata={"contravox": json.dumps(header)})
    with pytest.raises(ModelError, match="written in format 99"):
        Model.load(path)
    header["format"] = 1
    save_file({"a": torch.zeros(1)}, path, metadata={"contravox": json.dumps(header)})
    with pytest.raises(ModelError, match="do not fit this version") as caught:
        Model.load(path)
    assert "\n" not in str(caught.value)

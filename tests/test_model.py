import contextlib
import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from safetensors.torch import save_file

from contravox.encoders.ecapa_tdnn import EcapaTdnnSettings
from contravox.errors import ModelError
from contravox.features import FeatureSettings
from contravox.inference.default_model import DEFAULT_MODEL
from contravox.model import Model, ModelSettings
from profiles import examples
from small_models import ENCODERS, small_model
from tones import tone


@pytest.fixture(params=ENCODERS[:3], ids=lambda settings: settings.name)
def model(request):
    return small_model(request.param)


def test_what_a_waveform_is_embedded_beside_does_not_matter(model):
    waveforms = [tone(seconds, 150, seed=seed) for seed, seconds in enumerate((1.3, 0.1, 0.7))]
    together = model.embed(waveforms)
    assert together.shape == (3, 12)
    for row, waveform in zip(together, waveforms, strict=True):
        np.testing.assert_allclose(model.embed([waveform])[0], row, atol=1e-4)


@pytest.mark.parametrize(("seconds", "pieces"), [(1.0, 1), (1.01, 2), (2.0, 2), (3.3, 4)])
def test_a_long_waveform_has_the_mean_embedding_of_pieces(model, monkeypatch, seconds, pieces):
    waveform = tone(seconds, 150)
    model.annotate(maximum_seconds=1.0)
    lengths, edges = [], np.linspace(0, len(waveform), pieces + 1)
    encode = model._encode

    def noted(waveforms):
        lengths.append(sum(map(len, waveforms)))
        return encode(waveforms)

    monkeypatch.setattr(model, "_encode", noted)
    parts = [waveform[round(low) : round(high)] for low, high in pairwise(edges)]
    expected = np.mean([encode([part])[0] for part in parts], axis=0)
    beside = [tone(0.5, 300), waveform, tone(0.4, 200)]
    found = model.embed(beside)
    np.testing.assert_allclose(found[1], expected, atol=1e-4)
    np.testing.assert_allclose(found[0], encode([beside[0]])[0], atol=1e-4)
    # Never more than that at once.
    assert max(lengths) <= 16_000
    assert sum(lengths) == sum(map(len, beside))


def test_the_length_of_pieces_is_the_models(model, tmp_path):
    waveform = tone(2.5, 150)
    assert model.settings.maximum_seconds == 60.0
    digest, whole = model.digest, model.embed([waveform])
    model.annotate(maximum_seconds=1.0)
    assert model.digest != digest
    model.save(tmp_path / "m.safetensors")
    loaded = Model.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.embed([waveform]), model.embed([waveform]))
    assert np.abs(loaded.embed([waveform]) - whole).max() > 1e-4
    with pytest.raises(ValidationError):
        model.annotate(maximum_seconds=0.1)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e25, 1e-30])
def test_an_embedding_without_a_direction_is_refused(model, value):
    """1e25 and 1e-30 have no length in 32 bits, by which it is divided to be scored."""
    last = list(model.encoder.parameters())[-2:]
    for parameter in last:
        parameter.data.fill_(value)
    with pytest.raises(ModelError, match="the model's embedding is zero or not finite"):
        model.embed([tone(0.5, 150)])


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
        with pytest.raises(ModelError, match="not a whole safetensors file") as caught:
            Model.load(path)
        assert "\n" not in str(caught.value)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="not a contravox model"):
        Model.load(path)


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("m.onnx", "contravox.Verifier.load reads it"),
        ("m.safetensors", "name it .onnx, and contravox.Verifier.load reads it"),
    ],
)
def test_an_onnx_file_is_for_the_verifier(tmp_path, name, mend):
    path = tmp_path / name
    shutil.copyfile(DEFAULT_MODEL, path)
    with pytest.raises(ModelError) as caught:
        Model.load(path)
    told = f"{path}: an ONNX file, where .safetensors alone is read: {mend}"
    assert str(caught.value) == told


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


def write(path, header, weights=None):
    """A model's file with a header, and weights, of one's own."""
    text = header if isinstance(header, str) else json.dumps(header)
    weights = small_model().state_dict() if weights is None else weights
    save_file(weights, path, metadata={"contravox": text})
    return path


def header_with(*keys, value=None):
    """A model's header with the value of a key, several levels down, replaced."""
    header = {"format": 1, "settings": small_model().settings.model_dump(mode="json")}
    group = header
    for key in keys[:-1]:
        group = group[key]
    group[keys[-1]] = value
    return header


HEADERS = {
    "a list": ([], "not a contravox model"),
    "nothing": (None, "not a contravox model"),
    "text": ("model", "not a contravox model"),
    "brackets": ("[" * 100_000, "not a contravox model"),
    "many digits": (f'{{"format": {"9" * 6000}}}', "not a contravox model"),
    "a format of digits": (header_with("format", value="9" * 5000), "written in format '999"),
    "no settings": ({"format": 1}, "settings: .*valid dictionary"),
    "settings a list": (header_with("settings", value=[1]), "settings: "),
    "no encoder": (header_with("settings", "encoder", value=None), r"settings\.encoder"),
    "an unknown encoder": (header_with("settings", "encoder", "name", value="x"), "encoder"),
    "an unknown setting": (header_with("settings", "beam", value=1), r"settings\.beam: "),
    "text as threshold": (header_with("settings", "threshold", value="high"), "threshold: 'high'"),
    "threshold NaN": (header_with("settings", "threshold", value=float("nan")), "threshold: nan"),
    "threshold infinite": (header_with("settings", "threshold", value=1e999), "threshold: inf"),
    "calibration NaN": (
        header_with("settings", "calibration", value={"offset": float("nan"), "weights": {}}),
        r"calibration\.offset: nan",
    ),
    "weight infinite": (
        header_with("settings", "calibration", value={"offset": 0, "weights": {"a": 1e999}}),
        r"calibration\.weights\.a: inf",
    ),
    "far too many channels": (
        header_with("settings", "encoder", "channels", value=10**9),
        r"encoder\.channels",
    ),
    "channels that the weights lack": (
        header_with("settings", "encoder", "channels", value=8192),
        r"encoder\.\S+ is .* float32 where its settings say \(.*24576",
    ),
    "more blocks than the weights have": (
        header_with(
            "settings", "encoder", value={"name": "fast_resnet34", "blocks": [100, 100, 100, 100]}
        ),
        r"encoder\.\S+ is .* where its settings say absent",
    ),
    "far too many blocks": (
        header_with("settings", "encoder", value={"name": "mfa_conformer", "blocks": 10**6}),
        r"encoder\.blocks",
    ),
}


@pytest.mark.parametrize(("header", "reason"), HEADERS.values(), ids=HEADERS)
def test_a_header_that_is_no_model_is_one_short_line(header, reason, tmp_path):
    path = write(tmp_path / "m.safetensors", header)
    with pytest.raises(ModelError, match=reason) as caught:
        Model.load(path)
    assert len(str(caught.value)) < 700
    assert "\n" not in str(caught.value)


WEIGHT, VARIANCE = "encoder.first.convolution.weight", "encoder.norm.running_var"


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        (WEIGHT, lambda each: each * float("nan"), "not finite"),
        (WEIGHT, lambda each: each / 0, "not finite"),
        (WEIGHT, lambda each: each.sign() * 1e30, "far too large"),
        (WEIGHT, lambda each: each * 0, "is all zero"),
        (VARIANCE, lambda each: -each, "variances below zero"),
        (WEIGHT, lambda each: each.half(), "float16 where its settings say .* float32"),
        (WEIGHT, lambda each: each.double(), "float64 where"),
        (WEIGHT, lambda each: each[:-1], "where its settings say"),
        (WEIGHT, lambda each: each[..., None], "where its settings say"),
        (WEIGHT, lambda each: torch.zeros(0), "where its settings say"),
        (WEIGHT, lambda each: None, "is absent where its settings say"),
        ("encoder.more", lambda each: torch.ones(2), "where its settings say absent"),
    ],
)
def test_weights_that_training_does_not_leave_are_named(name, change, reason, tmp_path):
    weights = small_model().state_dict()
    assert WEIGHT in weights
    assert VARIANCE in weights
    changed = change(weights.pop(name, None))
    if changed is not None:
        weights[name] = changed.contiguous()
    path = write(tmp_path / "m.safetensors", header_with("format", value=1), weights)
    with pytest.raises(ModelError, match=rf"{name}.* {reason}") as caught:
        Model.load(path)
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_no_model(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ModelError, match="no such model"):
            Model.load(path)


def test_loading_takes_no_compiler(tmp_path):
    paths = [str(tmp_path / f"{encoder.name}.safetensors") for encoder in ENCODERS]
    for encoder, path in zip(ENCODERS, paths, strict=True):
        Model(ModelSettings(encoder=encoder)).save(path)
    program = (
        "import sys; from contravox.model import Model; "
        f"[Model.load(path) for path in {paths}]; print('torch._dynamo' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr


def test_only_finite_numbers_are_noted(tmp_path):
    model = small_model()
    for settings in ({"threshold": float("nan")}, {"training_seconds": -1.0}, {"threshhold": 0.1}):
        with pytest.raises(ValidationError):
            model.annotate(**settings)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each, max_size=3)
    ),
    max_leaves=6,
)
PLACES = [
    ("format",),
    ("settings",),
    *(("settings", key) for key in ModelSettings.model_fields),
    *(("settings", "features", key) for key in FeatureSettings.model_fields),
    *(("settings", "encoder", key) for key in EcapaTdnnSettings.model_fields),
]


@examples(150)
@given(st.sampled_from(PLACES), JSON)
def test_whatever_a_header_holds_it_is_a_model_or_one_line(tmp_path, place, value):
    path = write(tmp_path / "m.safetensors", header_with(*place, value=value))
    with contextlib.suppress(ModelError):
        loaded = Model.load(path)
        assert np.isfinite(loaded.embed([tone(0.2, 200)])).all()


@examples(100)
@given(st.data())
def test_whatever_bytes_a_file_holds_it_is_a_model_or_one_line(tmp_path, data):
    path = write(tmp_path / "m.safetensors", header_with("format", value=1))
    whole = path.read_bytes()
    start = data.draw(st.integers(0, 4000) | st.integers(0, len(whole)))
    inserted = data.draw(st.binary(max_size=12))
    path.write_bytes(whole[:start] + inserted + whole[start + data.draw(st.integers(0, 12)) :])
    with contextlib.suppress(ModelError):
        Model.load(path)

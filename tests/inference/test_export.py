"""Every encoder, whatever its settings, gives in ONNX Runtime what it does in PyTorch."""

import numpy as np
import onnx
import pytest

from contravox.encoders import EcapaTdnnSettings, FastResNet34Settings, MfaConformerSettings
from contravox.features import FeatureSettings
from contravox.inference.export import export_model
from contravox.inference.loading import load_model
from contravox.inference.onnx_model import EMBEDDINGS, LENGTHS, WAVEFORMS, OnnxModel
from contravox.scoring.calibration import Calibration
from small_models import ENCODERS, small_model
from tones import tone

pytestmark = pytest.mark.export

VARIANTS = {
    "speechbrain": (
        EcapaTdnnSettings(
            channels=16,
            aggregation=24,
            bottleneck=8,
            embedding_size=6,
            summed_inputs=False,
            aggregation_norm=True,
            padding="mirrored",
            attention_norm=True,
            embedding_norm=True,
        ),
        FeatureSettings(convention="speechbrain", bins=24),
    ),
    "public code of CEL": (
        FastResNet34Settings(channels=8, squeeze_excitation=False, relu_before_norm=True),
        FeatureSettings(convention="torchaudio", bins=20, normalisation="mean_variance"),
    ),
    "public code of MFCon": (
        MfaConformerSettings(
            blocks=1, size=16, heads=4, feed_forward=8, attention_norm=True, kernel_size=5
        ),
        FeatureSettings(bins=23, normalisation="none"),
    ),
}
MODELS = {each.name: (each, None) for each in ENCODERS} | VARIANTS


@pytest.fixture(scope="module", params=MODELS.values(), ids=MODELS)
def both(request, tmp_path_factory):
    """A model in PyTorch and, from its file, in ONNX Runtime."""
    model = small_model(*request.param)
    path = tmp_path_factory.mktemp("export") / "m.onnx"
    export_model(model, "m.safetensors").save(path)
    return model, load_model(path)


def cosine_distances(a, b):
    a, b = (each.astype(np.float64) for each in (a, b))
    return 1 - (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_it_embeds_as_in_pytorch(both):
    model, exported = both
    waveforms = [tone(seconds, 150, seed=seed) for seed, seconds in enumerate((1.3, 0.1, 0.7))]
    expected, found = model.embed(waveforms), exported.embed(waveforms)
    assert found.shape == expected.shape == (3, exported.embedding_size)
    assert cosine_distances(found, expected).max() < 1e-6
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
    for row, waveform in zip(found, waveforms, strict=True):
        assert cosine_distances(exported.embed([waveform]), row[None]).max() < 1e-6


def test_what_is_past_a_row_s_length_does_not_matter(both):
    _, exported = both
    rows, lengths = tone(1.0, 150)[None].repeat(3, 0), np.array([9_000] * 3)
    rows[1, 9_000:], rows[2, 9_000:] = 1e6, np.nan
    [found] = exported.session.run([EMBEDDINGS], {WAVEFORMS: rows, LENGTHS: lengths})
    np.testing.assert_array_equal(found[1:], found[:1].repeat(2, 0))
    np.testing.assert_allclose(found[0], exported.embed([rows[0, :9_000]])[0], rtol=1e-3, atol=1e-4)


def test_a_graph_of_onnx_s_own_operators_alone(both):
    _, exported = both
    graph = onnx.load_from_string(exported.file.graph)
    onnx.checker.check_model(graph, full_check=True)
    assert {each.domain for each in graph.opset_import} == {""}
    assert not graph.functions
    assert not {each.op_type for each in graph.graph.node} & {"DFT", "STFT", "If", "Loop", "Scan"}


def test_what_is_known_of_a_model_goes_with_it(tmp_path):
    model = small_model()
    known = {
        "threshold": 0.25,
        "threshold_source": "trials",
        "calibration": Calibration(offset=1, weights={"score": 2}),
        "calibration_source": "others",
        "labels_used": False,
        "training_seconds": 3.0,
        "trained_on": ("ab", "cd"),
        "comparison": "Euclidean distance",
        "maximum_seconds": 1.0,
    }
    model.annotate(**known)
    exported = export_model(model, "runs/m.safetensors")
    exported.save(tmp_path / "m.onnx")
    loaded = OnnxModel.load(tmp_path / "m.onnx")
    assert loaded.settings == exported.settings
    assert {name: getattr(loaded.settings, name) for name in known} == {
        name: getattr(model.settings, name) for name in known
    }
    assert loaded.settings.source == f"m.safetensors {model.digest}"
    assert loaded.parameter_count == model.parameter_count
    assert loaded.highest_frequency == model.highest_frequency
    long = tone(2.5, 150)
    assert cosine_distances(model.embed([long]), loaded.embed([long])).max() < 1e-6


def test_a_model_calibrated_since_or_in_other_numbers_is_no_file_of_the_same_command(tmp_path, run):
    small_model().save(tmp_path / "m.safetensors")
    path = tmp_path / "m.onnx"
    command = ("export", tmp_path / "m.safetensors", "-o", path)
    for _ in range(2):
        assert run(*command)[0] == 0
    known = {"calibration": Calibration(offset=1, weights={"score": 2}), "threshold": 0.5}
    calibrated = OnnxModel.load(path)
    calibrated.annotate(**known)
    calibrated.save(path)
    status, _, error = run(*command)
    assert (status, OnnxModel.load(path).settings) == (2, calibrated.settings)
    assert "not by this very command" in error
    assert run(*command, "--float16", "--force")[0] == 0
    assert run(*command)[0] == 2
    assert OnnxModel.load(path).settings.precision == "float16"


def test_a_digest_is_of_what_decides_the_embeddings(tmp_path):
    exported = export_model(small_model(), "m.safetensors")
    digest = exported.digest
    exported.annotate(threshold=0.5)
    exported.save(tmp_path / "m.onnx")
    assert OnnxModel.load(tmp_path / "m.onnx").digest == digest
    assert export_model(small_model(), "again.safetensors").digest == digest
    exported.annotate(maximum_seconds=2.0)
    assert exported.digest != digest
    assert export_model(small_model(ENCODERS[1]), "m.safetensors").digest != digest

"""A model in eight bits: what becomes of its numbers, and that little becomes of its embeddings."""

import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from contravox.errors import AudioError
from contravox.inference.export import export_model
from contravox.inference.loading import load_model
from contravox.inference.onnx_model import EMBEDDINGS, LENGTHS, WAVEFORMS
from contravox.inference.quantisation import RECORDINGS, SECONDS, quantise, speech_for_ranges
from contravox.manifest import Manifest
from small_models import ENCODERS, small_model
from tones import tone

pytestmark = pytest.mark.export

SPEECH = [tone(1.0, 100 + 10 * place, seed=place) for place in range(8)]


@pytest.fixture(scope="module", params=ENCODERS[:3], ids=lambda each: each.name)
def both(request):
    """A model's graph, and that in eight bits."""
    exported = export_model(small_model(request.param), "m.safetensors")
    return exported, quantise(exported, SPEECH)


def weights(model):
    """What a graph holds, by name."""
    graph = onnx.load_from_string(model.file.graph).graph
    return {each.name: numpy_helper.to_array(each) for each in graph.initializer}


def cosine_distances(a, b):
    a, b = (each.astype(np.float64) for each in (a, b))
    return 1 - (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_embeddings_are_nearly_those_of_the_model(both):
    exported, quantised = both
    waveforms = [tone(seconds, 150, seed=30 + place) for place, seconds in enumerate((1.3, 0.7))]
    distances = cosine_distances(exported.embed(waveforms), quantised.embed(waveforms))
    assert (distances < 0.01).all()
    # Eight bits cannot give the very same.
    assert (distances > 1e-9).all()


def test_an_embedding_is_the_same_whatever_is_beside_it(both):
    _, quantised = both
    waveforms = [tone(seconds, 150, seed=place) for place, seconds in enumerate((1.3, 0.1, 0.7))]
    together = quantised.embed(waveforms)
    alone = np.concatenate([quantised.embed([each]) for each in waveforms])
    # A sum in another order may move an input across the middle between two whole numbers.
    assert cosine_distances(together, alone).max() < 1e-3


def test_what_is_past_a_row_s_length_does_not_matter(both):
    _, quantised = both
    rows, lengths = tone(1.0, 150)[None].repeat(3, 0), np.array([9_000] * 3)
    rows[1, 9_000:], rows[2, 9_000:] = 1e6, np.nan
    [found] = quantised.session.run([EMBEDDINGS], {WAVEFORMS: rows, LENGTHS: lengths})
    np.testing.assert_array_equal(found[1:], found[:1].repeat(2, 0))


def test_weights_take_seven_bits_except_where_errors_hurt(both):
    exported, quantised = both
    before, after = weights(exported), weights(quantised)
    large = {name: each for name, each in after.items() if each.size > 64}
    whole = {name: each for name, each in large.items() if each.dtype == np.int8}
    floats = {name for name, each in large.items() if each.ndim > 1 and each.dtype == np.float32}
    assert floats
    for name in floats:
        assert name.startswith(("features.", "encoder.pooling.", "encoder.embedding."))
        np.testing.assert_array_equal(after[name], before[name])
    assert all(each.min() >= -64 and each.max() <= 64 for each in whole.values())
    numbers = sum(each.size for each in whole.values())
    assert numbers > 2 * sum(after[name].size for name in floats if name.startswith("encoder"))


def test_a_channel_s_weights_are_within_half_a_step_of_what_they_were(both):
    before, after = (weights(each) for each in both)
    names = [name for name in before if f"{name}_quantized" in after and name.endswith("weight")]
    # In a ResNet BatchNorm is multiplied into them first, as nothing is between.
    assert names or not any("first_norm" in name for name in after)
    for name in names:
        weight, scale = before[name], after[f"{name}_scale"]
        scale = scale.reshape(-1, *[1] * (weight.ndim - 1))
        largest = np.abs(weight).max(axis=tuple(range(1, weight.ndim)), keepdims=True)
        np.testing.assert_allclose(scale, largest / 64, rtol=0.02)
        assert (np.abs(after[f"{name}_quantized"] * scale - weight) <= 0.501 * scale).all()


def test_it_is_another_model_that_says_so(both, tmp_path):
    exported, quantised = both
    quantised.save(tmp_path / "m.onnx")
    loaded = load_model(tmp_path / "m.onnx")
    assert (exported.settings.precision, loaded.settings.precision) == ("float32", "int8")
    assert loaded.settings == exported.settings.model_copy(update={"precision": "int8"})
    assert loaded.digest == quantised.digest != exported.digest
    assert quantise(exported, SPEECH).digest == quantised.digest
    assert quantise(exported, [10 * each for each in SPEECH[:1]]).digest != quantised.digest
    graph = onnx.load_from_string(loaded.file.graph)
    onnx.checker.check_model(graph, full_check=True)
    assert {each.domain for each in graph.opset_import} == {""}


def test_speech_for_ranges_is_the_start_of_utterances_from_all_over_a_manifest(corpus):
    manifest = Manifest.read(corpus / "train" / "manifest.tsv")
    table = manifest.table
    found = speech_for_ranges(manifest)
    assert len(found) == min(RECORDINGS, len(table))
    seconds = [min(SECONDS, each) for each in table["duration"]]
    np.testing.assert_allclose([len(each) / 16_000 for each in found], seconds, atol=1e-3)
    many = Manifest(table.sample(10 * RECORDINGS, with_replacement=True, seed=0))
    assert len(speech_for_ranges(many)) == RECORDINGS
    gone = Manifest(table.head(2).with_columns(path=table["path"].head(2) + ".gone"))
    with pytest.raises(AudioError, match=r"\.gone: "):
        speech_for_ranges(gone)


def test_export_in_eight_bits(corpus, tmp_path, run):
    model = small_model()
    model.annotate(threshold=0.25)
    model.save(tmp_path / "m.safetensors")
    manifest = corpus / "train" / "manifest.tsv"
    arguments = ("export", tmp_path / "m.safetensors", "-o", tmp_path / "m.onnx")
    status, said, _ = run(*arguments, "--int8", manifest, "--json")
    assert status == 0
    assert json.loads(said)["precision"] == "int8"
    loaded = load_model(tmp_path / "m.onnx")
    assert (loaded.settings.precision, loaded.settings.threshold) == ("int8", 0.25)
    assert loaded.settings.source == f"m.safetensors {model.digest}"


@pytest.mark.parametrize(
    ("given", "said"),
    [("none.tsv", "no such manifest"), ("m.safetensors", "m.safetensors: ")],
)
def test_what_is_no_manifest_is_told_before_the_work(tmp_path, run, given, said):
    small_model().save(tmp_path / "m.safetensors")
    output = tmp_path / "m.onnx"
    status, _, error = run(
        "export", tmp_path / "m.safetensors", "-o", output, "--int8", tmp_path / given
    )
    assert status == 2
    assert error.startswith("error: ")
    assert said in error
    assert error.count("\n") == 1
    assert not output.exists()

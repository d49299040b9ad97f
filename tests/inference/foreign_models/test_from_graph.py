"""Graphs of others, with a front-end before them, give what they gave."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from contravox.errors import ModelError
from contravox.features import FeatureSettings, LogMelFilterbank
from contravox.inference.foreign_models.from_graph import convert_graph
from contravox.inference.loading import load_model

BINS, SIZE = 24, 5


def graph(inputs, nodes, outputs, constants=(), opset=13, domains=()):
    """The bytes of a graph. inputs, outputs: (name, shape) or (name, shape, type)."""
    made = helper.make_model(
        helper.make_graph(
            [helper.make_node(*each[:3], **(each[3] if len(each) > 3 else {})) for each in nodes],
            "theirs",
            *(
                [
                    helper.make_tensor_value_info(
                        name, kind[0] if kind else TensorProto.FLOAT, shape
                    )
                    for name, shape, *kind in ends
                ]
                for ends in (inputs, outputs)
            ),
            [numpy_helper.from_array(value, name) for name, value in constants],
        ),
        opset_imports=[
            helper.make_opsetid("", opset),
            *(helper.make_opsetid(d, 1) for d in domains),
        ],
        ir_version=7,
    )
    onnx.checker.check_model(made)
    return made.SerializeToString()


def weights():
    return np.random.default_rng(0).normal(size=(BINS, SIZE)).astype(np.float32)


def mean_of_frames(shape=("B", "T", BINS), opset=13, axis=1):
    """A linear layer on each frame, then the mean over frames."""
    if axis == 2:
        nodes = [("Transpose", ["feats"], ["turned"], {"perm": [0, 2, 1]})]
        nodes += [("MatMul", ["turned", "w"], ["each"])]
    else:
        nodes = [("MatMul", ["feats", "w"], ["each"])]
    nodes += [("Relu", ["each"], ["positive"])]
    nodes += [("ReduceMean", ["positive"], ["embs"], {"axes": [1], "keepdims": 0})]
    return graph([("feats", shape)], nodes, [("embs", ["B", SIZE])], [("w", weights())], opset)


def waveforms():
    generator = np.random.default_rng(1)
    return [generator.normal(0, 0.1, size).astype(np.float32) for size in (20_000, 9_000, 20_000)]


def expected(settings):
    """By hand: the front-end in PyTorch, the graph in NumPy."""
    vectors = []
    for waveform in waveforms():
        rows = torch.from_numpy(waveform)[None]
        features, _ = LogMelFilterbank(settings)(rows, torch.tensor([len(waveform)]))
        vectors.append(np.maximum(features[0].T.numpy() @ weights(), 0).mean(axis=0))
    return np.stack(vectors)


OTHERS = [
    (mean_of_frames(opset=11), {}, FeatureSettings(bins=BINS)),
    (mean_of_frames(opset=17), {}, FeatureSettings(bins=BINS)),
    (mean_of_frames(("B", BINS, "T"), axis=2), {}, FeatureSettings(bins=BINS)),
    (mean_of_frames((1, "T", BINS)), {}, FeatureSettings(bins=BINS)),
    (mean_of_frames(("B", "T", "F")), {"bins": BINS}, FeatureSettings(bins=BINS)),
    (
        mean_of_frames(),
        {"window": "povey", "full_scale": False, "normalisation": "none"},
        FeatureSettings(bins=BINS, window="povey", full_scale=False, normalisation="none"),
    ),
    (
        mean_of_frames(),
        {"convention": "torchaudio", "low_frequency": 0.0},
        FeatureSettings(bins=BINS, convention="torchaudio", low_frequency=0),
    ),
    (
        mean_of_frames(),
        {"convention": "speechbrain", "low_frequency": 0.0},
        FeatureSettings(bins=BINS, convention="speechbrain", low_frequency=0),
    ),
]
"""What else graphs take, with what is said of it, and the settings of features that this is."""


@pytest.mark.parametrize(
    ("data", "front_end", "settings"),
    [
        (mean_of_frames(), {}, FeatureSettings(bins=BINS)),
        *(pytest.param(*each, marks=pytest.mark.export) for each in OTHERS),
    ],
)
def test_a_graph_that_takes_a_filter_bank_takes_waveforms(
    data, front_end, settings, tmp_path
) -> None:
    (tmp_path / "theirs.onnx").write_bytes(data)
    composed = convert_graph(tmp_path / "theirs.onnx", "theirs.onnx", front_end)
    assert composed.features == settings
    assert composed.found.words.startswith(f"takes a filter bank of {BINS} bins as feats (N, ")
    composed.model.save(tmp_path / "ours.onnx")
    model = load_model(tmp_path / "ours.onnx")
    assert model.parameter_count == BINS * SIZE
    assert model.settings.source.startswith("theirs.onnx, ")
    np.testing.assert_allclose(model.embed(waveforms()), expected(settings), rtol=1e-3, atol=1e-3)


@pytest.mark.export
def test_a_graph_that_takes_lengths_is_given_the_frames_that_there_are(tmp_path) -> None:
    """The sum of all frames, divided by how many it is told that there are."""
    data = graph(
        [("length", ["B"], TensorProto.INT32), ("feats", ["B", BINS, "T"])],
        [
            ("ReduceSum", ["feats", "axis"], ["sum"], {"keepdims": 0}),
            ("Cast", ["length"], ["count"], {"to": TensorProto.FLOAT}),
            ("Div", ["sum", "count"], ["embs"]),
        ],
        [("embs", ["B", BINS])],
        [("axis", np.array([2]))],
    )
    (tmp_path / "theirs.onnx").write_bytes(data)
    for convention in ("kaldi", "torchaudio"):
        front_end = {"normalisation": "none", "convention": convention}
        composed = convert_graph(tmp_path / "theirs.onnx", "theirs.onnx", front_end)
        assert composed.found.lengths == "length"
        for waveform, got in zip(waveforms(), composed.model.embed(waveforms()), strict=True):
            rows = torch.from_numpy(waveform)[None]
            features, _ = LogMelFilterbank(composed.features)(rows, torch.tensor([len(waveform)]))
            np.testing.assert_allclose(got, features[0].mean(dim=1).numpy(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shape", [["B", "samples"], ["B", 1, "samples"]])
def test_a_graph_that_takes_waveforms_is_given_them(shape, tmp_path) -> None:
    """The mean, and the mean square."""
    axes = list(range(1, len(shape)))
    data = graph(
        [("audio", shape)],
        [
            ("ReduceMean", ["audio"], ["mean"], {"axes": axes, "keepdims": 0}),
            ("Mul", ["audio", "audio"], ["square"]),
            ("ReduceMean", ["square"], ["power"], {"axes": axes, "keepdims": 0}),
            ("Unsqueeze", ["mean", "last"], ["a"]),
            ("Unsqueeze", ["power", "last"], ["b"]),
            ("Concat", ["a", "b"], ["embs"], {"axis": 1}),
        ],
        [("embs", ["B", 2])],
        [("last", np.array([1]))],
    )
    (tmp_path / "theirs.onnx").write_bytes(data)
    composed = convert_graph(tmp_path / "theirs.onnx", "theirs.onnx", {})
    assert composed.features is None
    by_hand = [[each.mean(), (each**2).mean()] for each in waveforms()]
    np.testing.assert_allclose(composed.model.embed(waveforms()), by_hand, rtol=1e-4, atol=1e-6)
    with pytest.raises(ModelError, match="takes a waveform, before which there is no filter bank"):
        convert_graph(tmp_path / "theirs.onnx", "theirs.onnx", {"window": "povey"})


@pytest.mark.export
def test_of_several_outputs_that_of_one_vector_is_taken_or_that_which_is_named(tmp_path) -> None:
    nodes = [
        ("MatMul", ["feats", "w"], ["product"]),
        ("Abs", ["product"], ["each"]),
        ("ReduceMean", ["each"], ["first"], {"axes": [1], "keepdims": 0}),
        ("Mul", ["first", "first"], ["second"]),
        ("Shape", ["each"], ["size"]),
    ]
    ends = {
        "each": ("each", ["B", "T", SIZE]),
        "first": ("first", ["B", SIZE]),
        "second": ("second", ["B", SIZE]),
        "size": ("size", [3], TensorProto.INT64),
    }
    path = tmp_path / "theirs.onnx"
    inputs, constants = [("feats", ["B", "T", BINS])], [("w", weights())]
    names = ("each", "first", "size")
    path.write_bytes(graph(inputs, nodes, [ends[name] for name in names], constants))
    assert convert_graph(path, "t", {}).found.given == "first"
    path.write_bytes(graph(inputs, nodes, list(ends.values()), constants))
    with pytest.raises(
        ModelError, match=r"embedding: first 5, second 5: name one by --output-name"
    ):
        convert_graph(path, "t", {})
    one, other = (convert_graph(path, "t", {}, name).model for name in ("first", "second"))
    np.testing.assert_allclose(one.embed(waveforms()) ** 2, other.embed(waveforms()), rtol=1e-3)
    with pytest.raises(ModelError, match="gives nothing that is called third, but each "):
        convert_graph(path, "t", {}, "third")


def test_operators_of_others_are_refused(tmp_path) -> None:
    data = graph(
        [("feats", ["B", "T", BINS])],
        [("Swish", ["feats"], ["embs"], {"domain": "theirs"})],
        [("embs", ["B", "T", BINS])],
        domains=["theirs"],
    )
    (tmp_path / "theirs.onnx").write_bytes(data)
    with pytest.raises(ModelError, match="needs operators of theirs"):
        convert_graph(tmp_path / "theirs.onnx", "t", {})


IMAGES = graph(
    [("images", [1, 3, 640, 640])], [("Relu", ["images"], ["boxes"])], [("boxes", [1, 3, 640, 640])]
)
TOKENS = graph(
    [("tokens", ["B", "T"], TensorProto.INT64)],
    [("Cast", ["tokens"], ["scores"], {"to": TensorProto.FLOAT})],
    [("scores", ["B", "T"])],
)
FRAMEWISE = graph(
    [("feats", ["B", "T", 80])], [("Relu", ["feats"], ["out"])], [("out", ["B", "T", 80])]
)
ONE_LENGTH = graph(
    [("feats", ["B", 200, 80])],
    [("ReduceMean", ["feats"], ["out"], {"axes": [1], "keepdims": 0})],
    [("out", ["B", 80])],
)
CONSTANT = graph(
    [("feats", ["B", "T", BINS])],
    [
        ("Mul", ["feats", "zero"], ["none"]),
        ("ReduceMean", ["none"], ["out"], {"axes": [1], "keepdims": 0}),
    ],
    [("out", ["B", BINS])],
    [("zero", np.zeros(1, np.float32))],
)


@pytest.mark.parametrize(
    ("data", "front_end", "message"),
    [
        pytest.param(IMAGES, {}, r"takes images \(1, 3, 640, 640\) of float, where", id="detector"),
        pytest.param(TOKENS, {}, r"takes tokens .* of int64, where", id="language model"),
        pytest.param(FRAMEWISE, {}, r"embedding: none", id="a vector for each frame"),
        pytest.param(ONE_LENGTH, {}, r"takes feats .*200.* where a filter bank", id="one length"),
        pytest.param(CONSTANT, {}, r"embedding: none", id="the same for all"),
        pytest.param(mean_of_frames(), {"bins": 80}, r"takes 24 bins, not the 80", id="bins"),
        pytest.param(mean_of_frames()[:-40], {}, r"not a whole ONNX file", id="cut short"),
        pytest.param(b"", {}, r"not a whole ONNX file", id="empty"),
        pytest.param(b"\x80\x04.", {}, r"not a whole ONNX file", id="a pickle"),
        pytest.param(
            mean_of_frames(("B", "T", "F")), {}, r"does not take \(1, 300, 80\)", id="other bins"
        ),
    ],
)
def test_other_files_are_one_line(data, front_end, message, tmp_path) -> None:
    path = tmp_path / "theirs.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=message) as error:
        convert_graph(path, "theirs.onnx", front_end)
    assert str(error.value).startswith(f"{path}: ")
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value).replace(str(path), "")) < 400


def test_the_model_is_run_by_onnx_runtime_alone(tmp_path) -> None:
    (tmp_path / "theirs.onnx").write_bytes(mean_of_frames())
    convert_graph(tmp_path / "theirs.onnx", "t", {}).model.save(tmp_path / "ours.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "ours.onnx")
    assert [each.name for each in session.get_inputs()] == ["waveforms", "lengths"]
    assert [(each.name, each.shape[1]) for each in session.get_outputs()] == [("embeddings", SIZE)]

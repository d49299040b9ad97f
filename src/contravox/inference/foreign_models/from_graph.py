"""A front-end before a graph of another toolkit, so that it takes waveforms as ours do."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import compose, helper, inliner, numpy_helper, version_converter
from torch import Tensor, nn

from contravox.embedding_model import METADATA_KEY
from contravox.errors import ModelError, brief
from contravox.features import FeatureSettings, LogMelFilterbank
from contravox.features.log_mel import FRAME_LENGTH, FRAME_SHIFT
from contravox.features.matrix_filterbank import MatrixFilterbank
from contravox.files.outputs import fingerprint
from contravox.inference.export import OPSET, export_graph
from contravox.inference.foreign_models.foreign_graph import ForeignGraph, look_at
from contravox.inference.foreign_models.front_end import with_front_end
from contravox.inference.onnx_file import OnnxFile
from contravox.inference.onnx_model import (
    EMBEDDINGS,
    LENGTHS,
    OnnxModel,
    OnnxSettings,
    open_session,
)

_TAKEN, _PREFIX = "contravox/taken", "theirs/"


@dataclass(frozen=True)
class ComposedGraph:
    """An ONNX file of others, taken over.

    model: ours. found: what was found out of theirs. features: what is put before it, or None
    where it takes waveforms.
    """

    model: OnnxModel
    found: ForeignGraph
    features: FeatureSettings | None


def convert_graph(
    path: Path, source: str, front_end: Mapping[str, Any], output_name: str | None = None
) -> ComposedGraph:
    """An ONNX file of another toolkit as a model of ours.

    source: what the model shall name as its origin. front_end: settings of features other than
    Kaldi's with a Hamming window and the mean taken out; output_name: see ``look_at``.

    Raises ModelError, naming the file and the mend; MissingExtraError.
    """
    file = OnnxFile.read(path)
    if METADATA_KEY in file.metadata:
        raise ModelError(f"{path}: is a contravox model already: use it as it is")
    found = look_at(file.graph, str(path), front_end.get("bins"), output_name)
    try:
        features = _features(found, front_end)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    try:
        theirs = onnx.load_model_from_string(file.graph)
        graph = _composed(theirs, found, features)
    # What the operators of a graph of anybody's lead to there.
    except (onnx.checker.ValidationError, RuntimeError, ValueError, TypeError) as error:
        raise ModelError(
            f"{path}: a front-end cannot be put before it ({brief(str(error), 150)}): export it "
            f"again with operators of edition {OPSET}"
        ) from error
    settings = OnnxSettings(
        architecture=f"a graph that {found.words}",
        source=f"{source}, {fingerprint(path)}",
        parameters=_parameters(theirs),
        highest_frequency=features.highest_frequency if features else 8000.0,
        alone=True,
    )
    model = OnnxModel(OnnxFile.of(graph, path), settings, path)
    _check_alike(path, file, found, features, model)
    return ComposedGraph(model, found, features)


class _Front(nn.Module):
    """Waveforms to what the graph takes."""

    def __init__(self, found: ForeignGraph, features: FeatureSettings | None) -> None:
        super().__init__()
        self.layout = found.layout
        self.filterbank = MatrixFilterbank(features) if features else None

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        if self.filterbank is not None:
            values, _ = self.filterbank(waveforms, lengths)
            return values.transpose(1, 2) if self.layout == "frames, bins" else values
        valid = torch.arange(waveforms.shape[1]) < lengths[:, None]
        waveforms = waveforms.where(valid, 0)
        return waveforms[:, None] if self.layout == "1, samples" else waveforms


def _features(found: ForeignGraph, front_end: Mapping[str, Any]) -> FeatureSettings | None:
    if found.bins:
        return with_front_end(FeatureSettings(bins=found.bins), front_end)
    if front_end:
        raise ModelError(
            "takes a waveform, before which there is no filter bank: leave "
            f"{', '.join(sorted(front_end))} out"
        )
    return None


def _composed(
    theirs: onnx.ModelProto, found: ForeignGraph, features: FeatureSettings | None
) -> bytes:
    """The bytes of one graph: the front, theirs, and the embedding as (N, size)."""
    ours = onnx.load_model_from_string(export_graph(_Front(found, features), _TAKEN))
    theirs = _of_same_edition(inliner.inline_local_functions(theirs), ours)
    ours.ir_version = theirs.ir_version = max(ours.ir_version, theirs.ir_version)
    whole = compose.merge_models(
        ours,
        compose.add_prefix(theirs, _PREFIX),
        io_map=[(_TAKEN, _PREFIX + found.taken)],
        outputs=[_PREFIX + found.given],
    )
    graph = whole.graph
    if found.lengths is not None:
        _give_lengths(graph, _PREFIX + found.lengths, features)
    graph.initializer.append(
        numpy_helper.from_array(np.array([-1, found.size], np.int64), "contravox/shape")
    )
    graph.node.append(
        helper.make_node("Reshape", [_PREFIX + found.given, "contravox/shape"], [EMBEDDINGS])
    )
    del graph.output[:]
    graph.output.append(
        helper.make_tensor_value_info(EMBEDDINGS, onnx.TensorProto.FLOAT, ["batch", found.size])
    )
    # Shapes noted for one row, or of other names.
    del graph.value_info[:]
    del whole.metadata_props[:]
    return whole.SerializeToString(deterministic=True)


def _of_same_edition(theirs: onnx.ModelProto, ours: onnx.ModelProto) -> onnx.ModelProto:
    """Theirs with the edition of operators that ours has, or ours brought to theirs."""
    edition = max(each.version for each in theirs.opset_import if each.domain in ("", "ai.onnx"))
    if edition < OPSET:
        return version_converter.convert_version(theirs, OPSET)
    if edition > OPSET:
        newer = version_converter.convert_version(ours, edition)
        ours.CopyFrom(newer)
    return theirs


def _give_lengths(graph: onnx.GraphProto, name: str, features: FeatureSettings | None) -> None:
    """Compute what their input ``name`` takes, how many frames or samples there are, from ours."""
    [place] = [index for index, each in enumerate(graph.input) if each.name == name]
    kind = graph.input[place].type.tensor_type.elem_type
    del graph.input[place]
    nodes, last = [], LENGTHS
    if features is not None:
        less = FRAME_LENGTH if features.convention == "kaldi" else 0
        for number, (operator, value) in enumerate(
            (("Sub", less), ("Div", FRAME_SHIFT), ("Add", 1))
        ):
            constant, result = f"contravox/number{number}", f"contravox/count{number}"
            graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), constant))
            nodes.append(helper.make_node(operator, [last, constant], [result]))
            last = result
    nodes.append(helper.make_node("Cast", [last], [name], to=kind))
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])


def _parameters(theirs: onnx.ModelProto) -> int:
    return sum(int(np.prod(tensor.dims)) for tensor in theirs.graph.initializer)


def _check_alike(
    path: Path,
    file: OnnxFile,
    found: ForeignGraph,
    features: FeatureSettings | None,
    model: OnnxModel,
) -> None:
    """Raise ModelError where the whole does not give what its parts give."""
    waveform = np.random.default_rng(0).normal(0, 0.05, 40_000).astype(np.float32)
    rows, lengths = torch.from_numpy(waveform)[None], torch.tensor([len(waveform)])
    count = len(waveform)
    if features is not None:
        values, frames = LogMelFilterbank(features)(rows, lengths)
        rows = values.transpose(1, 2) if found.layout == "frames, bins" else values
        count = int(frames)
    elif found.layout == "1, samples":
        rows = rows[:, None]
    session = open_session(file.graph, path)
    feed = {found.taken: rows.numpy()}
    if found.lengths is not None:
        kind = {each.name: each.type for each in session.get_inputs()}[found.lengths]
        feed[found.lengths] = np.array([count], np.int32 if "int32" in kind else np.int64)
    [expected] = session.run([found.given], feed)
    [got] = model.embed([waveform])
    if not np.allclose(got, expected.ravel(), rtol=1e-3, atol=1e-3 * np.abs(expected).max()):
        raise ModelError(
            f"{path}: with a front-end before it, it gives other embeddings than without: export "
            f"it again with operators of edition {OPSET}"
        )

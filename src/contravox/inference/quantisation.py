"""A model's graph with its large products in whole numbers of eight bits."""

import contextlib
import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from contravox.audio.waveform import read_audio
from contravox.errors import MissingExtraError
from contravox.inference.onnx_file import OnnxFile
from contravox.inference.onnx_model import LENGTHS, WAVEFORMS, OnnxModel
from contravox.manifest import Manifest

if TYPE_CHECKING:
    import onnx

RECORDINGS, SECONDS = 64, 3.0
"""Of speech that the ranges are taken from: so many recordings, of each no more than its start."""

PRODUCTS = ("Conv", "MatMul", "Gemm")
"""Operators of ONNX that are done in eight bits."""

FLOAT = ("features.", "encoder.pooling.", "encoder.embedding.")
"""Names of weights whose products stay as they are. A spectrum spans more than eight bits do, the
attention of a pooling and the last layer are small, and their errors reach the embedding whole."""


def speech_for_ranges(manifest: Manifest) -> list[NDArray[np.float32]]:
    """Starts of up to RECORDINGS utterances, at equal distances in a manifest.

    Returns their waveforms, each (samples,) at 16 kHz. Raises AudioError where one cannot be read.
    """
    chosen = np.linspace(0, len(manifest) - 1, min(RECORDINGS, len(manifest))).round().astype(int)
    rows = manifest.table.select("path", "start", "duration")[chosen.tolist()].iter_rows()
    return [
        read_audio(path, start=start, duration=min(duration, SECONDS))
        for path, start, duration in rows
    ]


def quantise(exported: OnnxModel, speech: Sequence[NDArray[np.float32]]) -> OnnxModel:
    """The model with the weights and inputs of its products as whole numbers of eight bits.

    Weights are scaled channel by channel and take seven bits, as processors without instructions
    for such products (VNNI) add two products of 8 × 8 bits in 16, which more would overflow: the
    same file gives the same embeddings on those. Inputs are scaled by the largest and least value
    that was seen when the model heard ``speech``, and what lies beyond is cut off.

    exported: what ``export_model`` made. speech: waveforms, each (samples,) at 16 kHz, like those
    that the model is for.

    Raises MissingExtraError where `onnx` is not installed.
    """
    try:
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{error.name} is not installed: pip install 'contravox[train]'"
        ) from error
    import onnx

    with tempfile.TemporaryDirectory() as folder, _quiet():
        given, folded, quantised = (str(Path(folder, f"{name}.onnx")) for name in ("0", "1", "2"))
        Path(given).write_bytes(exported.file.graph)
        # Folds what is constant, BatchNorm into the convolution before it among others.
        quant_pre_process(given, folded, skip_symbolic_shape=True)
        quantize_static(
            folded,
            quantised,
            _Speech(speech),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(PRODUCTS),
            nodes_to_exclude=_kept_float(onnx.load(folded)),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        graph = onnx.load(quantised)
    name = f"{exported.settings.source} in int8"
    settings = exported.settings.model_copy(update={"precision": "int8"})
    return OnnxModel(OnnxFile.of(_without_unused_operators(graph), name), settings, name)


class _Speech:
    """What ONNX Runtime asks for the inputs of a graph, one by one, until there are no more."""

    def __init__(self, speech: Sequence[NDArray[np.float32]]) -> None:
        self._left = iter(speech)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        waveform = next(self._left, None)
        if waveform is None:
            return None
        return {WAVEFORMS: waveform[None], LENGTHS: np.array([len(waveform)], np.int64)}


def _kept_float(model: "onnx.ModelProto") -> list[str]:
    """Names of the nodes with weights that stay as they are."""
    return [
        node.name for node in model.graph.node if any(each.startswith(FLOAT) for each in node.input)
    ]


def _without_unused_operators(model: "onnx.ModelProto") -> bytes:
    """A graph that asks for no sets of operators but those it uses.

    ONNX Runtime's tools ask for all that it has, which other runtimes have not.
    """
    used = {"", *(node.domain for node in model.graph.node)}
    kept = [each for each in model.opset_import if each.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return model.SerializeToString(deterministic=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser advises what is done already."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)

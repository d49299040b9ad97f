"""A model in PyTorch to one ONNX graph, from waveforms to embeddings."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from contravox.embedding_model import ModelDescription
from contravox.extras import optional_packages
from contravox.features.matrix_filterbank import MatrixFilterbank
from contravox.inference.onnx_file import OnnxFile
from contravox.inference.onnx_model import (
    EMBEDDINGS,
    LENGTHS,
    WAVEFORMS,
    OnnxModel,
    OnnxSettings,
)
from contravox.model import Model

if TYPE_CHECKING:
    import onnx
    import onnx_ir

OPSET = 18
"""Edition of ONNX's operators: of late 2022, so that runtimes of the last years have it."""


def export_model(model: Model, source: str | Path) -> OnnxModel:
    """The model as a graph for ONNX Runtime, with all that is known of it.

    source: the file that it was read from, to be named in the metadata.

    Raises MissingExtraError where `onnx` or `onnxscript` are not installed.
    """
    settings, name = exported_settings(model, source), f"the graph of {source}"
    return OnnxModel(OnnxFile.of(export_graph(_WholeModel(model)), name), settings, name)


def exported_settings(model: Model, source: str | Path) -> OnnxSettings:
    """All that an exported model says of itself, in 32 bits."""
    known = {name: getattr(model.settings, name) for name in ModelDescription.model_fields}
    return OnnxSettings(
        **known,
        architecture=model.settings.encoder.name,
        source=f"{Path(source).name} {model.digest}",
        parameters=model.parameter_count,
        highest_frequency=model.highest_frequency,
    )


def export_graph(module: nn.Module, output: str = EMBEDDINGS) -> bytes:
    """The bytes of an ONNX file that does what a module does.

    module: takes waveforms (N, samples) at 16 kHz and lengths (N,), as ``Model``, and gives one
    tensor, which is called ``output`` in the graph. N, samples and what follows from them may be of
    any size.

    Raises MissingExtraError where `onnx` or `onnxscript` are not installed.
    """
    # So many that no size within looks like a one, which would be taken for a constant.
    lengths = torch.tensor([15_000, 20_000])
    waveforms = torch.zeros(2, int(lengths.max()))
    dynamic = torch.export.Dim.DYNAMIC
    with optional_packages("a graph"), _quiet():
        traced = torch.export.export(
            module.eval(),
            (waveforms, lengths),
            dynamic_shapes=({0: dynamic, 1: dynamic}, {0: dynamic}),
            # Else what holds of these sizes alone, such as being even, would be taken for true.
            prefer_deferred_runtime_asserts_over_guards=True,
        )
        program = torch.onnx.export(
            traced,
            input_names=[WAVEFORMS, LENGTHS],
            output_names=[output],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
            optimize=False,
        )
        assert program is not None
        _simplify(program.model)
    return _without_notes(program.model_proto)


class _WholeModel(nn.Module):
    """Waveforms to embeddings alone, with a front-end for graphs."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.features = MatrixFilterbank(model.settings.features)
        self.encoder = model.encoder

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        return self.encoder(*self.features(waveforms, lengths)).embedding


def _simplify(graph: "onnx_ir.Model") -> None:
    """Compute what is constant, in place.

    The exporter's own way would go on to fold batch normalisation into the weights before it, as
    runtimes do anyway; and with what is left nothing could be trained further (``take_weights``).
    """
    from onnxscript.optimizer import fold_constants, inline, remove_unused_nodes

    inline(graph)
    fold_constants(graph)
    remove_unused_nodes(graph)


def _without_notes(graph: "onnx.ModelProto") -> bytes:
    """A graph without what the exporter notes of each node.

    Those notes tell where in whose files it came from, and which sizes it found alike, which of
    other lengths may not hold.
    """
    del graph.graph.value_info[:]
    for each in (graph, graph.graph, *graph.graph.node, *graph.graph.initializer):
        del each.metadata_props[:]
    for value in (*graph.graph.input, *graph.graph.output):
        del value.metadata_props[:]
    return graph.SerializeToString(deterministic=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells of its steps, and warns of what does not concern a graph's user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

"""The weights of a model of ours that was exported, back in PyTorch to be trained further."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from contravox.errors import ModelError, RecipeError, brief
from contravox.extras import optional_packages
from contravox.files.weights import kind_of
from contravox.inference.half_weights import HALF
from contravox.inference.onnx_model import OnnxModel
from contravox.model import Model

ENCODER = "encoder."
"""Before the names of weights, in a graph as in a model."""

TRIED_SECONDS = 2.0
ALIKE = 0.999
"""Cosine of embeddings that differ by rounding at most."""


def take_weights(model: Model, path: Path) -> OnnxModel:
    """Give an encoder the weights of an exported one; what the graph is.

    A graph does not say by which front-end and encoder it was made, beyond its weights' names and
    shapes: both are run on noise, and must come to the same embedding. All encoders keep their
    weights in a graph but MFA-Conformer, whose linear layers stand there turned, without names.

    Raises ModelError where the file is no model of ours in floating point, or has lost weights,
    RecipeError where the model is built otherwise than it.
    """
    exported = OnnxModel.load(path)
    expected = model.encoder.state_dict()
    weights = _weights(path, exported)
    for name, tensor in expected.items():
        if name.endswith("num_batches_tracked"):
            continue
        if name not in weights:
            raise ModelError(
                f"{path}: has no weights {brief(name)}, as this recipe's encoder has: set the "
                "encoder that it has, or give the .safetensors that it was made from"
            )
        if kind_of(weights[name]) != kind_of(tensor):
            raise RecipeError(
                f"training.initial_model: {path} has another encoder ({brief(name)} is "
                f"{kind_of(weights[name])} there, {kind_of(tensor)} here): set this recipe's "
                "encoder to that"
            )
    model.encoder.load_state_dict(
        {name: weights.get(name, tensor) for name, tensor in expected.items()}
    )
    samples = round(TRIED_SECONDS * exported.settings.sample_rate)
    noise = [np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)]
    trains = model.training
    [ours], [theirs] = model.embed(noise), exported.embed(noise)
    model.train(trains)
    if ours @ theirs < ALIKE * np.linalg.norm(ours) * np.linalg.norm(theirs):
        raise RecipeError(
            f"training.initial_model: with its weights this recipe's front-end and encoder come to "
            f"other embeddings than {path} does: set features and encoder as it was trained with"
        )
    return exported


def _weights(path: Path, exported: OnnxModel) -> dict[str, torch.Tensor]:
    """Of the encoder, by their names in a model."""
    if exported.settings.precision == "int8":
        raise ModelError(
            f"{path}: of int8 weights, with which nothing can be trained: export it without --int8"
        )
    with optional_packages("a graph"):
        import onnx
        from onnx.numpy_helper import to_array
    graph = onnx.load_model_from_string(exported.file.graph).graph
    return {
        each.name.removeprefix(ENCODER).removesuffix(HALF): _whole(to_array(each))
        for each in graph.initializer
        if each.name.startswith(ENCODER)
    }


def _whole(values: NDArray[Any]) -> torch.Tensor:
    """Numbers of a graph, those of 16 bits in 32."""
    return torch.from_numpy(
        values.astype(np.float32 if values.dtype == np.float16 else values.dtype)
    )

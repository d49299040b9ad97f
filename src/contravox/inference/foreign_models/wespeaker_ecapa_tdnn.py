"""WeSpeaker's ECAPA-TDNN (wespeaker/models/ecapa_tdnn.py)."""

import torch
from torch import Tensor

from contravox.encoders.ecapa_tdnn import EcapaTdnnSettings
from contravox.features import FeatureSettings
from contravox.inference.foreign_models.foreign_model import ForeignModel, Weights, count, renamed

ORIGIN = "WeSpeaker's ECAPA-TDNN"
TELLTALES = ("layer1.conv.weight", "layer2.se_res2block.0.conv.weight", "pool.linear1.weight")

_BLOCK, _OURS = "layer#2.se_res2block", "blocks.#"
_MODULES = {
    "layer1.conv": "first.convolution",
    "layer1.bn": "first.norm",
    f"{_BLOCK}.0.conv": f"{_OURS}.first.convolution",
    f"{_BLOCK}.0.bn": f"{_OURS}.first.norm",
    f"{_BLOCK}.1.convs.#0": f"{_OURS}.middle.layers.#.convolution",
    f"{_BLOCK}.1.bns.#0": f"{_OURS}.middle.layers.#.norm",
    f"{_BLOCK}.2.conv": f"{_OURS}.last.convolution",
    f"{_BLOCK}.2.bn": f"{_OURS}.last.norm",
    f"{_BLOCK}.3.linear1": f"{_OURS}.squeeze_excitation.gate.0",
    f"{_BLOCK}.3.linear2": f"{_OURS}.squeeze_excitation.gate.2",
    "conv": "aggregate",
    "pool.linear1": "pooling.hidden",
    "pool.linear2": "pooling.score",
    "bn": "norm",
    "linear": "embedding",
    "bn2": "embedding_norm",
}


def read(theirs: Weights) -> ForeignModel:
    """Raises ModelError where it is a variant that our encoder has no settings for."""
    weights = renamed(theirs, _MODULES, ORIGIN)
    channels, bins, _ = weights["first.convolution.weight"].shape
    scale = count(weights, r"blocks\.0\.middle\.layers\.(\d+)") + 1
    for block in range(3):
        _turn_groups(weights, f"blocks.{block}", channels // scale)
    attention, attended, _ = weights["pooling.hidden.weight"].shape
    aggregation = len(weights["aggregate.weight"])
    split_context(weights, aggregation)
    encoder = EcapaTdnnSettings(
        channels=channels,
        scale=scale,
        bottleneck=len(weights["blocks.0.squeeze_excitation.gate.0.weight"]),
        aggregation=aggregation,
        attention_size=attention,
        embedding_norm="embedding_norm.weight" in weights,
        summed_inputs=False,
        global_context=attended == 3 * aggregation,
        sample_context=True,
        variance_floor=1e-7,
        embedding_size=len(weights["embedding.weight"]),
    )
    return ForeignModel(ORIGIN, FeatureSettings(bins=bins), encoder, weights)


def split_context(weights: Weights, channels: int) -> None:
    """Part the attention's first layer into that of frames and that of the context, in place."""
    hidden = weights["pooling.hidden.weight"]
    if hidden.shape[1] > channels:
        weights["pooling.hidden.weight"] = hidden[:, :channels].contiguous()
        weights["pooling.context.weight"] = hidden[:, channels:, 0].contiguous()
    # The softmax takes out what is the same for all frames.
    weights.pop("pooling.score.bias", None)


def _turn_groups(weights: Weights, block: str, width: int) -> None:
    """Put their last group of a Res2 layer, which passes as it is, first: in place."""

    def turned(tensor: Tensor, dimension: int) -> Tensor:
        return torch.roll(tensor, width, dimension)

    for name in list(weights):
        if name.startswith(f"{block}.first.") and weights[name].ndim:
            weights[name] = turned(weights[name], 0)
    last = f"{block}.last.convolution.weight"
    weights[last] = turned(weights[last], 1)

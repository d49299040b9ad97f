"""SpeechBrain's ECAPA-TDNN (speechbrain/lobes/models/ECAPA_TDNN.py)."""

from contravox.encoders.ecapa_tdnn import EcapaTdnnSettings
from contravox.features import FeatureSettings
from contravox.inference.foreign_models.foreign_model import ForeignModel, Weights, count, renamed
from contravox.inference.foreign_models.wespeaker_ecapa_tdnn import split_context

ORIGIN = "SpeechBrain's ECAPA-TDNN"
TELLTALES = ("blocks.0.conv.conv.weight", "mfa.conv.conv.weight", "asp.tdnn.conv.conv.weight")

_BLOCK, _OURS = "blocks.#1", "blocks.#"
_MODULES = {
    "blocks.0.conv.conv": "first.convolution",
    "blocks.0.norm.norm": "first.norm",
    f"{_BLOCK}.tdnn1.conv.conv": f"{_OURS}.first.convolution",
    f"{_BLOCK}.tdnn1.norm.norm": f"{_OURS}.first.norm",
    f"{_BLOCK}.res2net_block.blocks.#0.conv.conv": f"{_OURS}.middle.layers.#.convolution",
    f"{_BLOCK}.res2net_block.blocks.#0.norm.norm": f"{_OURS}.middle.layers.#.norm",
    f"{_BLOCK}.tdnn2.conv.conv": f"{_OURS}.last.convolution",
    f"{_BLOCK}.tdnn2.norm.norm": f"{_OURS}.last.norm",
    f"{_BLOCK}.se_block.conv1.conv": f"{_OURS}.squeeze_excitation.gate.0",
    f"{_BLOCK}.se_block.conv2.conv": f"{_OURS}.squeeze_excitation.gate.2",
    "mfa.conv.conv": "aggregate",
    "mfa.norm.norm": "aggregation_norm",
    "asp.tdnn.conv.conv": "pooling.hidden",
    "asp.tdnn.norm.norm": "pooling.norm",
    "asp.conv.conv": "pooling.score",
    "asp_bn.norm": "norm",
    "fc.conv": "embedding",
}


def read(theirs: Weights) -> ForeignModel:
    """Raises ModelError where it is a variant that our encoder has no settings for."""
    weights = renamed(theirs, _MODULES, ORIGIN)
    for name, tensor in weights.items():
        if ".gate." in name or name == "embedding.weight":
            weights[name] = tensor.squeeze(-1) if tensor.ndim == 3 else tensor
    channels, bins, _ = weights["first.convolution.weight"].shape
    attention, attended, _ = weights["pooling.hidden.weight"].shape
    aggregation = len(weights["aggregate.weight"])
    split_context(weights, aggregation)
    encoder = EcapaTdnnSettings(
        channels=channels,
        scale=count(weights, r"blocks\.0\.middle\.layers\.(\d+)") + 1,
        bottleneck=len(weights["blocks.0.squeeze_excitation.gate.0.weight"]),
        aggregation=aggregation,
        attention_size=attention,
        attention_norm=True,
        summed_inputs=False,
        aggregation_norm=True,
        padding="mirrored",
        global_context=attended == 3 * aggregation,
        variance_floor=1e-12,
        embedding_size=len(weights["embedding.weight"]),
    )
    features = FeatureSettings(convention="speechbrain", bins=bins, low_frequency=0)
    return ForeignModel(ORIGIN, features, encoder, weights)

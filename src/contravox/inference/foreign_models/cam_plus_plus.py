"""3D-Speaker's CAM++ (speakerlab/models/campplus); WeSpeaker's has the same names."""

from contravox.encoders.cam_plus_plus import CamPlusPlusSettings
from contravox.features import FeatureSettings
from contravox.inference.foreign_models.foreign_model import ForeignModel, Weights, count, renamed
from contravox.inference.foreign_models.residual_stages import residual_stages

ORIGIN = "3D-Speaker's CAM++"
TELLTALES = ("head.conv1.weight", "xvector.tdnn.linear.weight", "xvector.dense.linear.weight")

_LAYER, _OURS = "xvector.block#1.tdnnd#1", "blocks.#.layers.#"
_MODULES = {
    "head.conv1": "front.first",
    "head.bn1": "front.first_norm",
    "head.conv2": "front.last",
    "head.bn2": "front.last_norm",
    **residual_stages("head.", "front.", "shortcut"),
    "xvector.tdnn.linear": "first",
    "xvector.tdnn.nonlinear.batchnorm": "first_norm",
    f"{_LAYER}.nonlinear1.batchnorm": f"{_OURS}.bottleneck.norm",
    f"{_LAYER}.linear1": f"{_OURS}.bottleneck.linear",
    f"{_LAYER}.nonlinear2.batchnorm": f"{_OURS}.norm",
    f"{_LAYER}.cam_layer.linear_local": f"{_OURS}.masking.local",
    f"{_LAYER}.cam_layer.linear1": f"{_OURS}.masking.gate.0",
    f"{_LAYER}.cam_layer.linear2": f"{_OURS}.masking.gate.2",
    "xvector.transit#1.nonlinear.batchnorm": "transitions.#.norm",
    "xvector.transit#1.linear": "transitions.#.linear",
    "xvector.out_nonlinear.batchnorm": "last_norm",
    "xvector.dense.linear": "embedding",
    "xvector.dense.nonlinear.batchnorm": "embedding_norm",
}


def read(theirs: Weights) -> ForeignModel:
    """Raises ModelError where it is a variant that our encoder has no settings for."""
    weights = renamed(theirs, _MODULES, ORIGIN)
    weights["embedding.weight"] = weights["embedding.weight"].squeeze(-1)
    front, (channels, of_front, _) = weights["front.first.weight"], weights["first.weight"].shape
    first, second, third = (
        count(weights, rf"blocks\.{block}\.layers\.(\d+)") for block in range(3)
    )
    encoder = CamPlusPlusSettings(
        front_channels=len(front),
        channels=channels,
        growth=len(weights["blocks.0.layers.0.masking.local.weight"]),
        bottleneck=len(weights["blocks.0.layers.0.bottleneck.linear.weight"]),
        layers=(first, second, third),
        embedding_size=len(weights["embedding.weight"]),
    )
    features = FeatureSettings(
        bins=of_front // len(front) * 8, window="povey", full_scale=False, normalisation="mean"
    )
    return ForeignModel(ORIGIN, features, encoder, weights)

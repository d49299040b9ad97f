"""WeSpeaker's ResNet-34 with statistics pooling (wespeaker/models/resnet.py).

Of any depth that has the same blocks.
"""

from contravox.encoders.resnet34 import ResNet34Settings
from contravox.features import FeatureSettings
from contravox.inference.foreign_models.foreign_model import ForeignModel, Weights, count, renamed
from contravox.inference.foreign_models.residual_stages import residual_stages

ORIGIN = "WeSpeaker's ResNet-34"
TELLTALES = ("conv1.weight", "layer1.0.conv1.weight", "seg_1.weight")

_MODULES = {
    "conv1": "convolution",
    "bn1": "norm",
    **residual_stages("", "", "shortcut"),
    "seg_1": "embedding",
}


def read(theirs: Weights) -> ForeignModel:
    """Raises ModelError where it is a variant that our encoder has no settings for."""
    weights = renamed(theirs, _MODULES, ORIGIN)
    channels = len(weights["convolution.weight"])
    first, second, third, fourth = (
        count(weights, rf"stages\.{stage}\.blocks\.(\d+)") for stage in range(4)
    )
    size, pooled = weights["embedding.weight"].shape
    encoder = ResNet34Settings(
        channels=channels, blocks=(first, second, third, fourth), embedding_size=size
    )
    # Mean and deviation of eight times the channels, at an eighth of the frequencies.
    features = FeatureSettings(bins=pooled // (2 * 8 * channels) * 8, normalisation="mean")
    return ForeignModel(ORIGIN, features, encoder, weights)

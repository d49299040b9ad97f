"""Models of every encoder, small, with numbers as after training."""

import torch

from contravox.encoders import (
    CamPlusPlusSettings,
    EcapaTdnnSettings,
    FastResNet34Settings,
    MfaConformerSettings,
    ResNet34Settings,
)
from contravox.features import FeatureSettings
from contravox.model import Model, ModelSettings

ENCODERS = [
    EcapaTdnnSettings(channels=32, aggregation=48, bottleneck=16, embedding_size=12),
    MfaConformerSettings(blocks=2, size=32, heads=2, feed_forward=32, embedding_size=12),
    FastResNet34Settings(channels=8, embedding_size=12),
    ResNet34Settings(channels=8, blocks=(1, 1, 1, 1), embedding_size=12),
    CamPlusPlusSettings(
        front_channels=8, channels=16, growth=8, bottleneck=16, layers=(2, 2, 2), embedding_size=12
    ),
]


def small_model(encoder=ENCODERS[0], features=None):
    """Statistics as after training, so that anything leaking past a row's end would show."""
    torch.manual_seed(0)
    made = Model(ModelSettings(features=features or FeatureSettings(bins=24), encoder=encoder))
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -1, 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            if module.affine:
                torch.nn.init.uniform_(module.bias, -1, 1)
    return made.eval()

"""Fast ResNet-34 of clovaai's voxceleb_trainer (models/ResNetSE34L.py), and of CEL."""

import torch

from contravox.encoders.fast_resnet34 import FastResNet34Settings
from contravox.errors import ModelError
from contravox.features import FeatureSettings
from contravox.features.log_mel import FRAME_LENGTH
from contravox.inference.foreign_models.foreign_model import ForeignModel, Weights, count, renamed
from contravox.inference.foreign_models.residual_stages import residual_stages

ORIGIN = "voxceleb_trainer's Fast ResNet-34"
TELLTALES = ("conv1.weight", "layer1.0.se.fc.0.weight", "sap_linear.weight")

_BLOCK, _GATE = "layer#1.#0.se.fc", "stages.#.blocks.#.squeeze_excitation.gate"
_MODULES = {
    "conv1": "convolution",
    "bn1": "norm",
    **residual_stages("", "", "downsample"),
    f"{_BLOCK}.0": f"{_GATE}.0",
    f"{_BLOCK}.2": f"{_GATE}.2",
    "sap_linear": "pooling.hidden",
    "attention": "pooling.score.weight",
    "fc": "embedding",
}
_WINDOW, _FILTERS = "torchfb.spectrogram.window", "torchfb.mel_scale.fb"


def read(theirs: Weights) -> ForeignModel:
    """Raises ModelError where it is a variant that our encoder has no settings for."""
    theirs = dict(theirs)
    window, filters = theirs.pop(_WINDOW, None), theirs.pop(_FILTERS, None)
    weights = renamed(theirs, _MODULES, ORIGIN)
    # Their code weighs every frame by one number, ours by a convolution with one output.
    weights["pooling.hidden.weight"] = weights["pooling.hidden.weight"][..., None]
    weights["pooling.score.weight"] = weights["pooling.score.weight"].T[..., None].contiguous()
    first, second, third, fourth = (
        count(weights, rf"stages\.{stage}\.blocks\.(\d+)") for stage in range(4)
    )
    encoder = FastResNet34Settings(
        channels=len(weights["convolution.weight"]),
        blocks=(first, second, third, fourth),
        relu_before_norm=True,
        embedding_size=len(weights["embedding.weight"]),
    )
    if window is None or filters is None:
        # CEL's features are computed outside its model, for which 40 bins are the only size.
        features = _features(40, "hann")
        remark = "its file has no front-end, as those of CEL: 40 bins and a Hann window, as there"
        return ForeignModel("CEL's Fast ResNet-34", features, encoder, weights, (remark,))
    hamming = torch.hamming_window(FRAME_LENGTH)
    if window.shape != hamming.shape or not torch.allclose(window, hamming, atol=1e-4):
        raise ModelError(f"like {ORIGIN}, but its window is not Hamming's: which is not read")
    return ForeignModel(ORIGIN, _features(filters.shape[1], "hamming"), encoder, weights)


def _features(bins: int, window: str) -> FeatureSettings:
    return FeatureSettings.model_validate(
        {
            "convention": "torchaudio",
            "bins": bins,
            "window": window,
            "low_frequency": 0,
            "normalisation": "mean_variance",
        }
    )

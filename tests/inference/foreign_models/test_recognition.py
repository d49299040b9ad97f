"""Each architecture read by its names, against the network in its plainest form."""

from functools import partial

import pytest
import torch

from contravox.errors import ModelError
from contravox.features import FeatureSettings
from contravox.inference.foreign_models.recognition import recognise
from foreign_networks import (
    Weights,
    cam_plus_plus,
    speechbrain_ecapa_tdnn,
    voxceleb_trainer_fast_resnet34,
    wespeaker_ecapa_tdnn,
    wespeaker_resnet34,
)

KALDI = FeatureSettings(bins=24)
NETWORKS = [
    pytest.param(
        cam_plus_plus,
        FeatureSettings(bins=24, window="povey", full_scale=False),
        "3D-Speaker's CAM++",
        id="cam_plus_plus",
    ),
    pytest.param(wespeaker_resnet34, KALDI, "WeSpeaker's ResNet-34", id="resnet34"),
    pytest.param(wespeaker_ecapa_tdnn, KALDI, "WeSpeaker's ECAPA-TDNN", id="wespeaker_ecapa"),
    pytest.param(
        partial(wespeaker_ecapa_tdnn, context=False, embedding_norm=True),
        KALDI,
        "WeSpeaker's ECAPA-TDNN",
        id="wespeaker_ecapa_without_context",
    ),
    pytest.param(
        speechbrain_ecapa_tdnn,
        FeatureSettings(bins=24, convention="speechbrain", low_frequency=0),
        "SpeechBrain's ECAPA-TDNN",
        id="speechbrain_ecapa",
    ),
    pytest.param(
        voxceleb_trainer_fast_resnet34,
        FeatureSettings(
            bins=40,
            convention="torchaudio",
            window="hann",
            low_frequency=0,
            normalisation="mean_variance",
        ),
        "CEL's Fast ResNet-34",
        id="fast_resnet34",
    ),
]


@pytest.mark.parametrize(("network", "features", "origin"), NETWORKS)
def test_a_network_is_recognised_and_gives_what_it_gave(network, features, origin) -> None:
    weights = Weights()
    values = torch.randn(2, features.bins, 130, generator=torch.Generator().manual_seed(1))
    expected = network(weights, values)
    foreign = recognise(weights)
    assert (foreign.origin, foreign.features) == (origin, features)
    encoder = foreign.encoder.build(features.bins).eval()
    encoder.load_state_dict(foreign.weights)
    with torch.no_grad():
        got = encoder(values, torch.tensor([130, 130])).embedding
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)
        # Beside a longer one, it is as alone.
        alone = network(weights, values[:1, :, :90])
        padded = encoder(values, torch.tensor([90, 130])).embedding
        torch.testing.assert_close(padded[:1], alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("network", "features", "origin"), NETWORKS)
def test_a_weight_that_lacks_is_too_many_or_of_another_size_is_refused(
    network, features, origin
) -> None:
    weights = Weights()
    network(weights, torch.randn(1, features.bins, 130))
    name = list(weights)[2]
    without = {each: tensor for each, tensor in weights.items() if each != name}
    with pytest.raises(ModelError, match=r"like .*(lacks|absent)"):
        recognise(without)
    with pytest.raises(ModelError, match=r"like .* but it has seg_2\.bias beside"):
        recognise({**weights, "seg_2.bias": torch.zeros(3)})
    with pytest.raises(ModelError, match=r"like .*(where .* is expected|not read)"):
        recognise({**weights, name: torch.zeros(3, 2, 1)})


def test_the_front_end_of_voxceleb_trainer_is_told_by_its_buffers() -> None:
    weights = Weights()
    voxceleb_trainer_fast_resnet34(weights, torch.randn(1, 64, 130))
    weights["torchfb.mel_scale.fb"] = torch.zeros(257, 64)
    weights["torchfb.spectrogram.window"] = torch.hamming_window(400)
    foreign = recognise(weights)
    assert foreign.origin == "voxceleb_trainer's Fast ResNet-34"
    assert foreign.remarks == ()
    assert (foreign.features.bins, foreign.features.window) == (64, "hamming")
    weights["torchfb.spectrogram.window"] = torch.ones(400)
    with pytest.raises(ModelError, match="its window is not Hamming's"):
        recognise(weights)


def test_what_no_toolkit_here_writes_is_refused_and_what_is_read_is_said() -> None:
    with pytest.raises(ModelError, match=r"not read \(a\.weight, b\.weight\): read are 3D-Speaker"):
        recognise({"a.weight": torch.zeros(1), "b.weight": torch.zeros(1)})

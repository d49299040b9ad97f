import pytest
import torch

from contravox.features import FeatureSettings, LogMelFilterbank
from contravox.features.matrix_filterbank import MatrixFilterbank
from tones import tone

CONVENTIONS = {
    "kaldi": FeatureSettings(),
    "variance": FeatureSettings(bins=40, normalisation="mean_variance"),
    "povey": FeatureSettings(window="povey", full_scale=False, low_frequency=0),
    "torchaudio": FeatureSettings(convention="torchaudio", bins=64),
    "speechbrain": FeatureSettings(convention="speechbrain"),
}


@pytest.mark.parametrize("settings", CONVENTIONS.values(), ids=CONVENTIONS)
@pytest.mark.parametrize("amplitude", [1.0, 1e-3])
def test_the_features_are_those_of_the_fast_fourier_transform(settings, amplitude):
    noise = torch.randn(48_000, generator=torch.Generator().manual_seed(0))
    rows = amplitude * (torch.stack([noise * 0.1, torch.from_numpy(tone(3.0, 150))]) + 0.01)
    lengths = torch.tensor([48_000, 31_000])
    expected, frames = LogMelFilterbank(settings)(rows, lengths)
    found, found_frames = MatrixFilterbank(settings)(rows, lengths)
    assert torch.equal(found_frames, frames)
    torch.testing.assert_close(found, expected, atol=5e-3, rtol=0)


def test_nothing_past_a_row_s_length_matters():
    rows, lengths = torch.from_numpy(tone(1.0, 150))[None].repeat(3, 1), torch.tensor([9_000] * 3)
    rows[1, 9_000:], rows[2, 9_000:] = torch.inf, torch.nan
    features, _ = MatrixFilterbank(FeatureSettings())(rows, lengths)
    assert torch.equal(features[0], features[1])
    assert torch.equal(features[0], features[2])

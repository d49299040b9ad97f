import kaldi_native_fbank
import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from contravox.features.log_mel import (
    MINIMUM_SAMPLES,
    FeatureSettings,
    LogMelFilterbank,
    frame_count,
    mel_filters,
)


def voice(seconds: float, seed: int = 0) -> Tensor:
    """Harmonics of a wandering pitch over noise, with an offset that framing must take out."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(round(seconds * 16_000)) / 16_000
    phase = 2 * torch.pi * (120 * time + 3 * torch.sin(5 * time))
    harmonics = sum(torch.sin(k * phase) / k for k in range(1, 40))
    noise = torch.randn(len(time), generator=generator)
    return 0.02 + 0.1 * harmonics + 0.05 * noise


def kaldi(waveform: Tensor, settings: FeatureSettings) -> Tensor:
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.window_type = settings.window.replace("hann", "hanning")
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = settings.bins
    options.mel_opts.low_freq = settings.low_frequency
    options.mel_opts.high_freq = settings.high_frequency
    extractor = kaldi_native_fbank.OnlineFbank(options)
    scale = 32768 if settings.full_scale else 1
    extractor.accept_waveform(16_000, (waveform * scale).tolist())
    extractor.input_finished()
    frames = [extractor.get_frame(index) for index in range(extractor.num_frames_ready)]
    return torch.from_numpy(np.stack(frames)).T


@pytest.mark.parametrize("window", ["povey", "hamming", "hann"])
@pytest.mark.parametrize("bins", [40, 80])
@pytest.mark.parametrize("limits", [(20.0, 0.0), (60.0, -400.0), (0.0, 7600.0)])
def test_features_are_kaldis(window: str, bins: int, limits: tuple[float, float]) -> None:
    settings = FeatureSettings(
        window=window,
        bins=bins,
        normalisation="none",
        low_frequency=limits[0],
        high_frequency=limits[1],
    )
    waveform = voice(1.0)
    features, _ = LogMelFilterbank(settings)(waveform[None], torch.tensor([len(waveform)]))
    torch.testing.assert_close(features[0], kaldi(waveform, settings), atol=1e-3, rtol=0)


def test_waveforms_may_stay_as_they_are_so_that_the_floor_is_higher() -> None:
    waveform = torch.cat([1e-4 * voice(0.5), voice(0.5)])
    features = {}
    for full_scale in (True, False):
        settings = FeatureSettings(full_scale=full_scale, normalisation="none")
        [features[full_scale]], _ = LogMelFilterbank(settings)(
            waveform[None], torch.tensor([16_000])
        )
        torch.testing.assert_close(
            features[full_scale], kaldi(waveform, settings), atol=1e-3, rtol=0
        )
    apart = features[True] - features[False]
    shift = 2 * np.log(32768)
    assert apart.max().item() == pytest.approx(shift, abs=1e-3)
    assert apart.min() < shift - 5, "at the floor they differ by less"


@pytest.mark.parametrize("window", ["hamming", "hann"])
def test_torchaudios_are_those_of_a_short_time_fourier_transform(window: str) -> None:
    settings = FeatureSettings(
        convention="torchaudio", window=window, bins=40, low_frequency=0, normalisation="none"
    )
    waveform = voice(0.7)
    spectrum = torch.stft(
        waveform,
        512,
        160,
        400,
        getattr(torch, f"{window}_window")(400),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    expected = (mel_filters(settings) @ spectrum.abs().square() + 1e-6).log()
    features, frames = LogMelFilterbank(settings)(waveform[None], torch.tensor([len(waveform)]))
    assert frames.tolist() == [71]
    torch.testing.assert_close(features[0], expected, atol=1e-3, rtol=0)


def test_speechbrains_are_decibels_within_80_of_the_highest() -> None:
    settings = FeatureSettings(convention="speechbrain", low_frequency=0, normalisation="none")
    waveform = torch.cat([torch.zeros(4_000), voice(0.5), 1e-6 * voice(0.2)])
    spectrum = torch.stft(
        waveform,
        400,
        160,
        400,
        torch.hamming_window(400),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    energies = mel_filters(settings) @ spectrum.abs().square()
    decibels = 10 * energies.clamp(min=1e-10).log10()
    expected = decibels.clamp(min=decibels.max() - 80)
    features, _ = LogMelFilterbank(settings)(waveform[None], torch.tensor([len(waveform)]))
    assert (expected == decibels.max() - 80).any()
    torch.testing.assert_close(features[0], expected, atol=1e-3, rtol=0)


def test_rows_of_a_padded_batch_are_kaldis_however_many_chunks_they_take() -> None:
    settings = FeatureSettings(normalisation="none")
    waveforms = [voice(6.0), voice(0.025), voice(1.51, seed=1), voice(3.0, seed=2)]
    lengths = torch.tensor([len(waveform) for waveform in waveforms])
    batch = torch.full((4, int(lengths.max())), torch.nan)
    for row, waveform in zip(batch, waveforms, strict=True):
        row[: len(waveform)] = waveform
    features, frames = LogMelFilterbank(settings)(batch, lengths)
    assert features.shape == (4, 80, 598)
    for row, count, waveform in zip(features, frames, waveforms, strict=True):
        torch.testing.assert_close(row[:, :count], kaldi(waveform, settings), atol=1e-3, rtol=0)
        assert (row[:, count:] == 0).all()


@pytest.mark.parametrize("convention", ["kaldi", "torchaudio", "speechbrain"])
@pytest.mark.parametrize("normalisation", ["none", "mean", "mean_variance"])
def test_samples_past_the_length_change_nothing(normalisation: str, convention: str) -> None:
    settings = FeatureSettings(convention=convention, bins=40, normalisation=normalisation)
    filterbank = LogMelFilterbank(settings)
    short = voice(0.5)
    padded = torch.stack([torch.cat([short, 9 * voice(0.3, seed=1)]), voice(0.8)])
    padded[0, -1] = torch.nan
    alone, (count,) = filterbank(short[None], torch.tensor([8_000]))
    batched, counts = filterbank(padded, torch.tensor([8_000, 12_800]))
    assert counts.tolist() == [count, 78 if convention == "kaldi" else 81]
    torch.testing.assert_close(batched[0, :, :count], alone[0], atol=1e-5, rtol=0)
    assert (batched[0, :, count:] == 0).all()


def test_normalisation_is_over_the_time_of_each_utterance() -> None:
    waveforms, lengths = torch.stack([voice(0.6), voice(0.6, seed=1)]), torch.tensor([9_600, 9_600])
    raw, mean, instance = (
        LogMelFilterbank(FeatureSettings(normalisation=name))(waveforms, lengths)[0]
        for name in ("none", "mean", "mean_variance")
    )
    torch.testing.assert_close(mean, raw - raw.mean(dim=2, keepdim=True), atol=1e-4, rtol=0)
    expected = torch.nn.functional.instance_norm(raw)
    torch.testing.assert_close(instance, expected, atol=1e-4, rtol=0)


def test_silence_has_kaldis_floor() -> None:
    filterbank = LogMelFilterbank(FeatureSettings(normalisation="none"))
    features, _ = filterbank(torch.zeros(1, 800), torch.tensor([800]))
    assert features.unique().tolist() == pytest.approx([np.log(np.finfo(np.float32).eps)])


def test_features_stay_float32_under_autocast() -> None:
    filterbank = LogMelFilterbank(FeatureSettings())
    waveforms, lengths = voice(0.5)[None], torch.tensor([8_000])
    expected, _ = filterbank(waveforms, lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features, _ = filterbank(waveforms, lengths)
    assert features.equal(expected)


@pytest.mark.parametrize(("samples", "frames"), [(400, 1), (559, 1), (560, 2), (16_000, 98)])
def test_frame_count_leaves_out_what_does_not_fill_a_frame(samples: int, frames: int) -> None:
    assert frame_count(samples) == frames
    assert frame_count(torch.tensor([samples])).tolist() == [frames]


def test_a_waveform_shorter_than_a_frame_is_refused() -> None:
    filterbank = LogMelFilterbank(FeatureSettings())
    with pytest.raises(ValueError, match="lengths must be from 400 to the 800 samples"):
        filterbank(torch.zeros(2, 800), torch.tensor([800, MINIMUM_SAMPLES - 1]))
    with pytest.raises(ValueError, match="not 801 to 801"):
        filterbank(torch.zeros(1, 800), torch.tensor([801]))
    with pytest.raises(ValueError, match=r"not \(800,\) and \(1,\)"):
        filterbank(torch.zeros(800), torch.tensor([800]))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"bins": 200}, "200 bins leave a filter empty"),
        ({"low_frequency": 4_000, "high_frequency": 3_000}, "lower it"),
        ({"bins": 200, "convention": "torchaudio"}, "200 bins leave a filter empty"),
        ({"dither": 1.0}, "Extra inputs"),
    ],
)
def test_impossible_settings_are_refused(keys: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FeatureSettings(**keys)

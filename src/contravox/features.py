"""Log-Mel filter-bank features: Kaldi's, on batches of tensors, on any device."""

import math
from typing import Literal, TypeVar

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from contravox.audio.waveform import SAMPLE_RATE
from contravox.settings import Settings

FRAME_LENGTH = 400
"""Samples of one frame: 25 ms."""
FRAME_SHIFT = 160
"""Samples from one frame to the next: 10 ms."""
MINIMUM_SAMPLES = FRAME_LENGTH
"""Shortest waveform that has a frame."""

_FFT_SIZE = 512
_PRE_EMPHASIS = 0.97
_FULL_SCALE = 32768.0
_ENERGY_FLOOR = torch.finfo(torch.float32).eps
_VARIANCE_FLOOR = 1e-5
# On a CPU, temporaries that stay in the cache make padded batches ten times faster; on a GPU
# one long chunk keeps it busy.
_CPU_CHUNK = 512
_DEVICE_CHUNK = 1 << 17

SampleCount = TypeVar("SampleCount", int, Tensor)


def frame_count(samples: SampleCount) -> SampleCount:
    """Frames of a waveform of at least MINIMUM_SAMPLES samples (Kaldi's snip_edges)."""
    return (samples - FRAME_LENGTH) // FRAME_SHIFT + 1


class FeatureSettings(Settings):
    """Which log-Mel features an encoder sees.

    low_frequency, high_frequency: limits of the filters in Hz; as in Kaldi, a high frequency of
    zero or less counts down from half the sample rate.
    normalisation: per utterance and bin, over time: nothing, the mean taken out, or also the
    variance set to one (the instance normalisation of CEL).
    """

    bins: int = Field(80, ge=1, le=_FFT_SIZE // 2)
    window: Literal["povey", "hamming"] = "hamming"
    normalisation: Literal["none", "mean", "mean_variance"] = "mean"
    low_frequency: float = Field(20.0, ge=0, lt=SAMPLE_RATE / 2)
    high_frequency: float = Field(0.0, gt=-SAMPLE_RATE / 2, le=SAMPLE_RATE / 2)

    @property
    def highest_frequency(self) -> float:
        """Upper limit of the filters in Hz, counted from zero."""
        if self.high_frequency > 0:
            return self.high_frequency
        return SAMPLE_RATE / 2 + self.high_frequency

    @model_validator(mode="after")
    def _every_filter_has_a_frequency(self) -> "FeatureSettings":
        if self.low_frequency >= self.highest_frequency:
            raise ValueError(
                f"low_frequency {self.low_frequency} is not below the highest frequency "
                f"{self.highest_frequency}: lower it"
            )
        if not bool(mel_filters(self).any(dim=1).all()):
            raise ValueError(f"{self.bins} bins leave a filter empty: use fewer")
        return self


class LogMelFilterbank(nn.Module):
    """Kaldi's log-Mel filter bank (compute-fbank-feats) without dither.

    25 ms frames every 10 ms, only whole frames, waveform scaled to 16 bits, mean of each frame
    taken out, pre-emphasis 0.97, power spectrum of 512 points, triangular filters on the Mel
    scale, log of the filters' energies floored at float32's epsilon.
    """

    def __init__(self, settings: FeatureSettings) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("window", _window(settings.window) * _FULL_SCALE, persistent=False)
        self.register_buffer("filters", mel_filters(settings).T.contiguous(), persistent=False)

    window: Tensor
    filters: Tensor

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features of (N, samples) waveforms in [-1, 1], of which ``lengths`` (N,) are valid.

        Returns (N, bins, frames) float32, zero past a row's frames, and those frames (N,) int64.
        Raises ValueError for a row shorter than MINIMUM_SAMPLES.
        """
        if waveforms.ndim != 2 or lengths.shape != waveforms.shape[:1]:
            raise ValueError(
                f"waveforms must be (N, samples) and lengths (N,), "
                f"not {tuple(waveforms.shape)} and {tuple(lengths.shape)}"
            )
        if bool((lengths < MINIMUM_SAMPLES).any()) or bool((lengths > waveforms.shape[1]).any()):
            raise ValueError(
                f"lengths must be from {MINIMUM_SAMPLES} to the {waveforms.shape[1]} samples of "
                f"waveforms, not {int(lengths.min())} to {int(lengths.max())}"
            )
        frame_lengths = frame_count(lengths)
        with torch.autocast(waveforms.device.type, enabled=False):
            features, valid = self._log_mel(waveforms.float(), frame_lengths)
            return self._normalise(features, frame_lengths, valid).transpose(1, 2), frame_lengths

    def _log_mel(self, waveforms: Tensor, frame_lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(N, frames, bins), zero where not valid, and which frames are valid: (N, frames)."""
        frames = frame_count(waveforms.shape[1])
        valid = torch.arange(frames, device=waveforms.device) < frame_lengths[:, None]
        rows, starts = valid.nonzero(as_tuple=True)
        windows = waveforms.unfold(1, FRAME_LENGTH, FRAME_SHIFT)
        features = waveforms.new_zeros(*valid.shape, self.settings.bins)
        chunk = _CPU_CHUNK if waveforms.device.type == "cpu" else _DEVICE_CHUNK
        for row, start in zip(rows.split(chunk), starts.split(chunk), strict=True):
            features[row, start] = self._log_mel_of_frames(windows[row, start])
        return features, valid

    def _log_mel_of_frames(self, frames: Tensor) -> Tensor:
        """(n, FRAME_LENGTH) to (n, bins)."""
        frames = frames - frames.mean(dim=1, keepdim=True)
        previous = torch.cat([frames[:, :1], frames[:, :-1]], dim=1)
        windowed = (frames - _PRE_EMPHASIS * previous) * self.window
        # rfft(n=512) would pad as well, but is five times slower on a CPU.
        spectrum = torch.fft.rfft(functional.pad(windowed, (0, _FFT_SIZE - FRAME_LENGTH)))
        power = spectrum.real.square() + spectrum.imag.square()
        return (power @ self.filters).clamp(min=_ENERGY_FLOOR).log()

    def _normalise(self, features: Tensor, frame_lengths: Tensor, valid: Tensor) -> Tensor:
        if self.settings.normalisation == "none":
            return features
        count = frame_lengths[:, None, None]
        centred = (features - features.sum(dim=1, keepdim=True) / count) * valid[..., None]
        if self.settings.normalisation == "mean":
            return centred
        variance = centred.square().sum(dim=1, keepdim=True) / count
        return centred / (variance + _VARIANCE_FLOOR).sqrt()


def mel_filters(settings: FeatureSettings) -> Tensor:
    """Weight of each frequency of the spectrum in each filter: (bins, 257), float32.

    Triangles of equal width on the Mel scale 1127·ln(1 + f/700), as Kaldi's mel-computations.
    """
    edges = torch.linspace(
        _mel(settings.low_frequency),
        _mel(settings.highest_frequency),
        settings.bins + 2,
        dtype=torch.float64,
    )
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    frequencies = torch.arange(_FFT_SIZE // 2 + 1) * (SAMPLE_RATE / _FFT_SIZE)
    mel = 1127 * torch.log1p(frequencies.double() / 700)
    rising, falling = (mel - left) / (centre - left), (right - mel) / (right - centre)
    filters = torch.minimum(rising, falling).clamp(min=0)
    filters[:, -1] = 0  # Kaldi leaves out the last frequency, half the sample rate.
    return filters.float()


def _mel(frequency: float) -> float:
    return 1127 * math.log1p(frequency / 700)


def _window(name: Literal["povey", "hamming"]) -> Tensor:
    if name == "hamming":
        return torch.hamming_window(FRAME_LENGTH, periodic=False)
    return torch.hann_window(FRAME_LENGTH, periodic=False) ** 0.85

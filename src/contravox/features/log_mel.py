"""Log-Mel filter-bank features, Kaldi's or another's, on batches of tensors, on any device."""

from typing import Literal, TypeVar

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from contravox.audio.waveform import SAMPLE_RATE
from contravox.features.mel_filters import kaldi_filters, speechbrain_filters, torchaudio_filters
from contravox.features.mirrored_padding import mirrored
from contravox.settings import Settings

FRAME_LENGTH = 400
"""Samples of one frame: 25 ms."""
FRAME_SHIFT = 160
"""Samples from one frame to the next: 10 ms."""
MINIMUM_SAMPLES = FRAME_LENGTH
"""Shortest waveform that has a frame."""

_PRE_EMPHASIS = 0.97
_FULL_SCALE = 32768.0
_ENERGY_FLOOR = torch.finfo(torch.float32).eps
_DYNAMIC_RANGE = 80.0
_VARIANCE_FLOOR = 1e-5
# On a CPU, temporaries that stay in the cache make padded batches ten times faster; on a GPU
# one long chunk keeps it busy.
_CPU_CHUNK = 512
_DEVICE_CHUNK = 1 << 17

SampleCount = TypeVar("SampleCount", int, Tensor)


def frame_count(samples: SampleCount) -> SampleCount:
    """Whole frames of a waveform of at least MINIMUM_SAMPLES samples (Kaldi's snip_edges)."""
    return (samples - FRAME_LENGTH) // FRAME_SHIFT + 1


class FeatureSettings(Settings):
    """Which log-Mel features an encoder sees.

    convention: of whose features; ``LogMelFilterbank`` says what differs.
    full_scale: kaldi alone: waveforms are scaled to 16 bits, as Kaldi and WeSpeaker do and
    3D-Speaker does not, which matters where the energy is at its floor.
    low_frequency, high_frequency: limits of the filters in Hz; as in Kaldi, a high frequency of
    zero or less counts down from half the sample rate.
    normalisation: per utterance and bin, over time: nothing, the mean taken out, or also the
    variance set to one (the instance normalisation of CEL).
    """

    convention: Literal["kaldi", "torchaudio", "speechbrain"] = "kaldi"
    bins: int = Field(80, ge=1, le=256)
    window: Literal["povey", "hamming", "hann"] = "hamming"
    full_scale: bool = True
    normalisation: Literal["none", "mean", "mean_variance"] = "mean"
    low_frequency: float = Field(20.0, ge=0, lt=SAMPLE_RATE / 2)
    high_frequency: float = Field(0.0, gt=-SAMPLE_RATE / 2, le=SAMPLE_RATE / 2)

    @property
    def highest_frequency(self) -> float:
        """Upper limit of the filters in Hz, counted from zero."""
        if self.high_frequency > 0:
            return self.high_frequency
        return SAMPLE_RATE / 2 + self.high_frequency

    @property
    def fft_size(self) -> int:
        """Points of the Fourier transform."""
        return 400 if self.convention == "speechbrain" else 512

    @model_validator(mode="after")
    def _every_filter_has_a_frequency(self) -> "FeatureSettings":
        if self.low_frequency >= self.highest_frequency:
            raise ValueError(
                f"low_frequency {self.low_frequency} is not below the highest frequency "
                f"{self.highest_frequency}: lower it"
            )
        # SpeechBrain trains with filters that are empty.
        empty = not bool(mel_filters(self).any(dim=1).all())
        if empty and self.convention != "speechbrain":
            raise ValueError(f"{self.bins} bins leave a filter empty: use fewer")
        return self


class LogMelFilterbank(nn.Module):
    """A log-Mel filter bank without dither: 25 ms frames every 10 ms.

    - kaldi (compute-fbank-feats): only whole frames, waveform scaled to 16 bits, mean of each frame
      taken out, pre-emphasis 0.97, power spectrum of 512 points, triangular filters on the Mel
      scale, log of the filters' energies floored at float32's epsilon.
    - torchaudio (MelSpectrogram, as in voxceleb_trainer): frames centred at every 10 ms of a
      waveform mirrored at its ends, power spectrum of 512 points, log of the energies plus 1e-6.
    - speechbrain (Fbank): frames centred at every 10 ms of a waveform with zeros past its ends,
      power spectrum of 400 points, decibels, at least -100 and the utterance's highest less 80.
    """

    def __init__(self, settings: FeatureSettings) -> None:
        super().__init__()
        self.settings = settings
        scale = _FULL_SCALE if settings.convention == "kaldi" and settings.full_scale else 1.0
        self.register_buffer("window", _window(settings) * scale, persistent=False)
        self.register_buffer("filters", mel_filters(settings).T.contiguous(), persistent=False)

    window: Tensor
    filters: Tensor

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features of (N, samples) waveforms in [-1, 1], of which ``lengths`` (N,) are valid.

        Returns (N, bins, frames) float32, zero past a row's frames, and those frames (N,) int64.
        Raises ValueError for a row shorter than MINIMUM_SAMPLES.
        """
        self._check(waveforms, lengths)
        with torch.autocast(waveforms.device.type, enabled=False):
            waveforms, lengths = self._padded(waveforms.float(), lengths)
            frame_lengths = frame_count(lengths)
            features, valid = self._log_mel(waveforms, frame_lengths)
            return self._normalise(features, frame_lengths, valid).transpose(1, 2), frame_lengths

    def _check(self, waveforms: Tensor, lengths: Tensor) -> None:
        """Raises ValueError where they are not what ``forward`` takes."""
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

    def _padded(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Waveforms of which whole frames are taken, and their lengths."""
        if self.settings.convention == "kaldi":
            return waveforms, lengths
        half = FRAME_LENGTH // 2
        valid = torch.arange(waveforms.shape[1], device=waveforms.device) < lengths[:, None]
        if self.settings.convention == "torchaudio":
            padded = mirrored(waveforms[:, None], half, valid)[:, 0]
        else:
            # Not by a product: past the length there may be anything.
            padded = functional.pad(waveforms.where(valid, 0), (half, half))
        return padded, lengths + 2 * half

    def _log_mel(self, waveforms: Tensor, frame_lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(N, frames, bins), zero where not valid, and which frames are valid: (N, frames)."""
        frames = frame_count(waveforms.shape[1])
        valid = torch.arange(frames, device=waveforms.device) < frame_lengths[:, None]
        features = self._log_mel_where(waveforms, valid)
        if self.settings.convention == "speechbrain":
            highest = features.masked_fill(~valid[..., None], -torch.inf).amax(dim=(1, 2))
            features = features.maximum(highest[:, None, None] - _DYNAMIC_RANGE)
            features = features * valid[..., None]
        return features, valid

    def _log_mel_where(self, waveforms: Tensor, valid: Tensor) -> Tensor:
        """(N, frames, bins) of the frames that are ``valid``, (N, frames), and zero elsewhere."""
        rows, starts = valid.nonzero(as_tuple=True)
        windows = waveforms.unfold(1, FRAME_LENGTH, FRAME_SHIFT)
        features = waveforms.new_zeros(*valid.shape, self.settings.bins)
        chunk = _CPU_CHUNK if waveforms.device.type == "cpu" else _DEVICE_CHUNK
        for row, start in zip(rows.split(chunk), starts.split(chunk), strict=True):
            features[row, start] = self._log_mel_of_frames(windows[row, start])
        return features

    def _log_mel_of_frames(self, frames: Tensor) -> Tensor:
        """(..., FRAME_LENGTH) to (..., bins)."""
        if self.settings.convention == "kaldi":
            frames = frames - frames.mean(dim=-1, keepdim=True)
            previous = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
            frames = frames - _PRE_EMPHASIS * previous
        energies = self._power(frames) @ self.filters
        match self.settings.convention:
            case "kaldi":
                return energies.clamp(min=_ENERGY_FLOOR).log()
            case "torchaudio":
                return (energies + 1e-6).log()
            case "speechbrain":
                return 10 * energies.clamp(min=1e-10).log10()

    def _power(self, frames: Tensor) -> Tensor:
        """(..., FRAME_LENGTH) to (..., frequencies): power spectra of the windowed frames."""
        # rfft(n=512) would pad as well, but is five times slower on a CPU.
        padding = (0, self.settings.fft_size - FRAME_LENGTH)
        spectrum = torch.fft.rfft(functional.pad(frames * self.window, padding))
        return spectrum.real.square() + spectrum.imag.square()

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
    """Weight of each frequency of the spectrum in each filter: (bins, frequencies), float32."""
    draw = {
        "kaldi": kaldi_filters,
        "torchaudio": torchaudio_filters,
        "speechbrain": speechbrain_filters,
    }[settings.convention]
    low, high = settings.low_frequency, settings.highest_frequency
    return draw(settings.bins, low, high, settings.fft_size // 2 + 1, SAMPLE_RATE)


def _window(settings: FeatureSettings) -> Tensor:
    """Kaldi's are symmetric, those of a short-time Fourier transform end where the next begins."""
    periodic = settings.convention != "kaldi"
    if settings.window == "hamming":
        return torch.hamming_window(FRAME_LENGTH, periodic=periodic)
    hann = torch.hann_window(FRAME_LENGTH, periodic=periodic)
    return hann**0.85 if settings.window == "povey" else hann

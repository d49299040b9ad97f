"""Other filter banks than contravox's: 80 bins, Kaldi's numbers, of one waveform at a time.

Both take waveforms in [-1, 1] with Hamming windows and without dither, as WeSpeaker's recipes ask
(its dither of 1 adds work to a loader, none to what a model learns here).
"""

import functools

import kaldi_native_fbank  # type: ignore[import-untyped]
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BINS = 80
SAMPLE_RATE = 16_000
FRAME_LENGTH, FRAME_SHIFT, FFT_SIZE = 400, 160, 512


@functools.cache
def _native_options() -> kaldi_native_fbank.FbankOptions:
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = BINS
    return options


def native_filter_bank(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """(samples,) to (frames, bins) by kaldi-native-fbank."""
    extractor = kaldi_native_fbank.OnlineFbank(_native_options())
    extractor.accept_waveform(SAMPLE_RATE, waveform * 32768)
    extractor.input_finished()
    return np.stack([extractor.get_frame(row) for row in range(extractor.num_frames_ready)])


@functools.cache
def _window() -> Tensor:
    return torch.hamming_window(FRAME_LENGTH, periodic=False)


@functools.cache
def _triangles() -> Tensor:
    """(frequencies, bins): weight of each frequency in each filter."""
    edges = torch.linspace(
        1127 * np.log(1 + 20 / 700), 1127 * np.log(1 + 8000 / 700), BINS + 2, dtype=torch.float64
    )
    frequencies = torch.arange(FFT_SIZE // 2 + 1) * SAMPLE_RATE / FFT_SIZE
    mel = 1127 * torch.log(1 + frequencies.double() / 700)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    sides = torch.stack([(mel - left) / (centre - left), (right - mel) / (right - centre)])
    return sides.amin(dim=0).clamp(min=0).float()


def plain_filter_bank(waveform: Tensor) -> Tensor:
    """(samples,) to (frames, bins) as one writes Kaldi's steps in PyTorch."""
    frames = (waveform * 32768).unfold(0, FRAME_LENGTH, FRAME_SHIFT)
    frames = frames - frames.mean(dim=1, keepdim=True)
    before = torch.nn.functional.pad(frames[:, None], (1, 0), mode="replicate")[:, 0, :-1]
    frames = (frames - 0.97 * before) * _window()
    power = torch.fft.rfft(torch.nn.functional.pad(frames, (0, FFT_SIZE - FRAME_LENGTH))).abs() ** 2
    return (power @ _triangles()).clamp(min=torch.finfo(torch.float32).eps).log()

"""Triangular filters on the Mel scale, as three toolkits draw them.

Each gives the weight of each frequency of a spectrum in each filter: (bins, frequencies), float32.
low, high: limits of the filters in Hz. frequencies: from 0 to half the sample rate, that is half
the points of the Fourier transform and one. sample_rate: in Hz.
"""

import math

import torch
from torch import Tensor


def kaldi_filters(bins: int, low: float, high: float, frequencies: int, sample_rate: int) -> Tensor:
    """Triangles of equal width on the Mel scale 1127·ln(1 + f/700), as Kaldi's mel-computations."""
    edges = torch.linspace(_mel(low), _mel(high), bins + 2, dtype=torch.float64)
    of_spectrum = 1127 * torch.log1p(_spectrum(frequencies, sample_rate) / 700)
    filters = _triangles(of_spectrum, edges[:-2], edges[1:-1], edges[2:])
    filters[:, -1] = 0  # Kaldi leaves out the last frequency, half the sample rate.
    return filters.float()


def torchaudio_filters(
    bins: int, low: float, high: float, frequencies: int, sample_rate: int
) -> Tensor:
    """Triangles in Hz, whose edges are equally spaced on the Mel scale (torchaudio's "htk")."""
    edges = _edges(bins, low, high)
    spectrum = _spectrum(frequencies, sample_rate)
    return _triangles(spectrum, edges[:-2], edges[1:-1], edges[2:]).float()


def speechbrain_filters(
    bins: int, low: float, high: float, frequencies: int, sample_rate: int
) -> Tensor:
    """Triangles in Hz around equally spaced places of the Mel scale.

    Each is as wide to the right as to the left, where the next is not as near. The narrowest may
    lie between two frequencies.
    """
    edges = _edges(bins, low, high)
    left, centre = edges[:-2], edges[1:-1]
    spectrum = _spectrum(frequencies, sample_rate)
    return _triangles(spectrum, left, centre, 2 * centre - left).float()


def _spectrum(frequencies: int, sample_rate: int) -> Tensor:
    return torch.linspace(0, sample_rate / 2, frequencies, dtype=torch.float64)


def _edges(bins: int, low: float, high: float) -> Tensor:
    """Equally spaced on the Mel scale, in Hz."""
    mel = torch.linspace(_mel(low), _mel(high), bins + 2, dtype=torch.float64)
    return 700 * torch.expm1(mel / 1127)


def _triangles(places: Tensor, left: Tensor, centre: Tensor, right: Tensor) -> Tensor:
    """(filters, places): from 0 at left up to 1 at centre and down to 0 at right."""
    left, centre, right = left[:, None], centre[:, None], right[:, None]
    rising, falling = (places - left) / (centre - left), (right - places) / (right - centre)
    return torch.minimum(rising, falling).clamp(min=0)


def _mel(frequency: float) -> float:
    return 1127 * math.log1p(frequency / 700)

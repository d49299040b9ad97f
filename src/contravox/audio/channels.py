"""The channels of a recording: one microphone twice, or two ends of a call."""

import math
from dataclasses import dataclass

import numpy as np

from contravox.audio.audio_file import UNKNOWN, AudioSource, open_audio


@dataclass(frozen=True)
class ChannelComparison:
    """Of the first two channels.

    correlation: between -1 and 1, or 1 where one of them is silent. kept: power of their mean over
    the mean of their powers, 1 where they are alike and 0 where they cancel each other.
    """

    correlation: float
    kept: float


def compare_channels(path: AudioSource) -> ChannelComparison | None:
    """Compare the first two channels of a recording; None where it has one only.

    Raises AudioError, StorageError, MissingExtraError as ``read_audio``.
    """
    with open_audio(path) as file:
        if file.channels == 1:
            return None
        sums = np.zeros(2)
        products = np.zeros((2, 2))
        frames = 0
        for block in file.decoded(UNKNOWN):
            pair = block[:, :2].astype(np.float64)
            sums += pair.sum(axis=0)
            products += pair.T @ pair
            frames += len(pair)
    if not frames:
        return None
    covariance = products / frames - np.outer(sums, sums) / frames**2
    powers = np.diag(covariance)
    if not powers.min() > 0:
        return ChannelComparison(1.0, 0.5 if powers.max() > 0 else 1.0)
    correlation = float(covariance[0, 1] / math.sqrt(powers[0] * powers[1]))
    kept = float(covariance.sum() / 2 / powers.sum())
    return ChannelComparison(correlation, kept)

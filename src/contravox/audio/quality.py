"""How good a recording of speech is: what a listener would say before deciding by it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contravox.audio.speech_activity import FRAME
from contravox.audio.waveform import SAMPLE_RATE, clipped_share

BELOW_PEAK = 60.0
"""Decibels under the strongest part of the spectrum within which speech reaches up to half the
sample rate, and what a telephone left of it does not."""

PAUSES = 5
"""Frames without speech from which the level of the noise is told."""

BLOCK = 4096
"""Frames of which the spectra are held at a time: 18 MB."""


@dataclass(frozen=True)
class Quality:
    """seconds: of the recording; speech_seconds: of speech in it.

    clipped: share of the samples at full scale. signal_to_noise: level of the speech above that of
    the pauses in decibels, None without speech or without pauses. bandwidth: highest frequency
    in Hz at which the recording has anything, at most 8,000.
    """

    seconds: float
    speech_seconds: float
    clipped: float
    signal_to_noise: float | None
    bandwidth: float


def quality_of(waveform: NDArray[np.float32], speech: NDArray[np.bool_]) -> Quality:
    """Look at a (samples,) waveform at 16 kHz in which ``speech`` (frames,) was found."""
    seconds = len(waveform) / SAMPLE_RATE
    return Quality(
        seconds,
        min(seconds, int(speech.sum()) * FRAME / SAMPLE_RATE),
        clipped_share(waveform),
        _signal_to_noise(waveform, speech),
        bandwidth_of(waveform),
    )


def _signal_to_noise(waveform: NDArray[np.float32], speech: NDArray[np.bool_]) -> float | None:
    """Mean power of the speech over the median power of frames apart from it, in decibels.

    Frames of nothing but zeros are no pauses: there the recorder was silent, not the room.
    """
    levels = _powers(waveform)
    sounding = levels > 0
    if not (speech & sounding).any():
        return None
    near = speech.copy()
    near[1:] |= speech[:-1]
    near[:-1] |= speech[1:]
    pauses = levels[sounding & ~near]
    if len(pauses) < PAUSES:
        return None
    noise = float(np.median(pauses))
    signal = float(levels[speech].mean()) - noise
    # Of speech that is not louder than the pauses no ratio is told but that it is low.
    return float(10 * np.log10(max(signal / noise, 1e-3)))


def _powers(waveform: NDArray[np.float32]) -> NDArray[np.float64]:
    """(frames,) mean square of each frame, without what is constant; the last may be shorter."""
    offset = float(waveform.mean(dtype=np.float64))
    whole = len(waveform) // FRAME
    frames = waveform[: whole * FRAME].reshape(whole, FRAME)
    powers = np.concatenate(
        [
            np.square(block - offset, dtype=np.float64).mean(axis=1)
            for block in np.array_split(frames, -(-whole // BLOCK) or 1)
        ]
    )
    zeros = ~frames.any(axis=1)
    powers[zeros] = 0
    rest = waveform[whole * FRAME :].astype(np.float64)
    if len(rest):
        powers = np.append(powers, np.square(rest - offset).mean() if rest.any() else 0.0)
    return powers


def bandwidth_of(waveform: NDArray[np.float32]) -> float:
    """Highest frequency within BELOW_PEAK of the strongest between 125 Hz and 2 kHz, in Hz.

    Of the mean spectrum of the louder half of a (samples,) waveform at 16 kHz, over five bins of 31
    Hz: where speech is asked for instead, nearly the same is found, in fifty times the time.
    """
    whole = len(waveform) // FRAME
    frames = waveform[: whole * FRAME].reshape(whole, FRAME)
    powers = _powers(waveform)[:whole]
    chosen = np.flatnonzero(powers >= np.median(powers)) if whole else np.arange(0)
    window = np.hanning(FRAME).astype(np.float32)
    power = np.zeros(FRAME // 2 + 1)
    for rows in np.array_split(chosen, -(-len(chosen) // BLOCK) or 1):
        power += np.square(np.abs(np.fft.rfft(frames[rows] * window))).sum(axis=0)
    # Beyond its ends the spectrum goes on as it ends: zeros would be loud beside a quiet recording.
    decibels = np.pad(10 * np.log10(power + 1e-20), 2, mode="edge")
    level = np.convolve(decibels, np.ones(5) / 5, "valid")
    there = np.flatnonzero(level > level[4:64].max() - BELOW_PEAK)
    return float(there[-1] * SAMPLE_RATE / FRAME) if len(there) else 0.0

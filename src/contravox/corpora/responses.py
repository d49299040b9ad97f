"""Impulse responses of rooms and devices in any tree of audio: ``DIR/…/<name>.wav``."""

from pathlib import Path

import numpy as np
import polars as pl

from contravox.audio.waveform import SAMPLE_RATE, read_audio
from contravox.corpora.corpus import Corpus
from contravox.corpora.folder import unlabelled_recordings
from contravox.errors import AudioError

BEFORE = 0.005
"""Seconds kept before the direct sound: a part that is read begins with a filter's edge."""

REMAINDER = 1e-6
"""Share of the energy that may come after the part that is used: -60 dB, unheard."""

LONGEST = 10.0
"""Seconds after which whatever is left is noise of the recording: no room rings longer."""

LATE = 0.05
"""Share of the energy in the last quarter from which on a recording is not one that decays. Steady
sound has a quarter of it there."""


def response_recordings(folder: Path) -> pl.DataFrame:
    """Every audio file below ``folder``, of kind response.

    Raises ManifestError where there is no audio.
    """
    return unlabelled_recordings(folder).with_columns(kind=pl.lit("response"))


def used_part(path: str) -> tuple[float, float]:
    """Start and duration (s) of what is used of a response: from its direct sound to its decay.

    The direct sound is the loudest sample of the first channel.

    Raises AudioError where it is silent, or no response for want of a decay.
    """
    samples = read_audio(path, channel="first").astype(np.float64)
    onset = int(np.abs(samples).argmax())
    remaining = np.cumsum(np.square(samples[:onset:-1]))[::-1]
    energy = float(np.square(samples[onset:]).sum())
    if not energy:
        raise AudioError(f"{path}: silent, no impulse response")
    late = remaining[3 * len(remaining) // 4 :]
    if len(late) and late[0] > LATE * energy:
        raise AudioError(f"{path}: does not decay, so it is no impulse response")
    heard = 1 + int(np.count_nonzero(remaining > REMAINDER * energy))
    start = max(0.0, onset / SAMPLE_RATE - BEFORE)
    end = min(onset + heard, onset + round(LONGEST * SAMPLE_RATE)) / SAMPLE_RATE
    return start, min(end + BEFORE, len(samples) / SAMPLE_RATE) - start


RESPONSES = Corpus(
    title="a tree of impulse responses",
    recordings=response_recordings,
    used_part=used_part,
    # One of a device may be shorter than any speech.
    shortest=0.0,
)

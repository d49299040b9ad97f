"""Recordings at 16 bits, as those that contravox writes are kept: in FLAC, mono at 16 kHz."""

import io
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from contravox.audio.waveform import BEYOND, SAMPLE_RATE
from contravox.errors import AudioError


def sixteen_bits(waveform: NDArray[np.float32], name: str | Path) -> NDArray[np.int16]:
    """(samples,) of 16 bits of a waveform in [-1, 1]; what overshoots a little is clipped.

    The scale is that of reading; libsndfile itself writes floats at one of 32,767, from which a
    recording of 16 bits would not come back as it was.

    Raises AudioError where the waveform is of another scale, of which clipping would leave little.
    """
    peak = float(np.abs(waveform).max())
    if peak > BEYOND:
        raise AudioError(
            f"{name}: reaches {peak:.3g} where full scale is 1, which 16 bits cannot hold: write "
            "it anew, in [-1, 1]"
        )
    return np.clip(np.rint(waveform * 32768), -32768, 32767).astype(np.int16)


def flac_bytes(samples: NDArray[np.int16], comment: str | None = None) -> bytes:
    """A FLAC file of (samples,), as it is. comment: a text to keep in it."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as flac:
        if comment is not None:
            flac.comment = comment
        flac.write(samples)
    return file.getvalue()

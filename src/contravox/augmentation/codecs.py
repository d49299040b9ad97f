"""Telephone and internet codecs: speech coded and decoded again, in memory."""

import io
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from contravox.audio.waveform import SAMPLE_RATE
from contravox.errors import RecipeError

CodecName = Literal["mu_law", "opus", "mp3"]


class _Coding(NamedTuple):
    """How libsndfile writes it, and the rate in Hz that it carries."""

    format: str
    subtype: str
    rate: int


CODINGS: dict[CodecName, _Coding] = {
    # As on the telephone (ITU-T G.711): nothing above 4 kHz comes through.
    "mu_law": _Coding("WAV", "ULAW", 8000),
    "opus": _Coding("OGG", "OPUS", SAMPLE_RATE),
    "mp3": _Coding("MP3", "MPEG_LAYER_III", SAMPLE_RATE),
}


def check_codecs(codecs: Sequence[CodecName]) -> None:
    """Raise RecipeError where the installed libsndfile cannot write one of ``codecs``."""
    for name in codecs:
        coding = CODINGS[name]
        # An unknown format has no subtypes.
        if coding.subtype not in soundfile.available_subtypes(coding.format):
            raise RecipeError(
                f"augmentation.codecs: libsndfile {soundfile.__libsndfile_version__} cannot write "
                f"{name}: upgrade soundfile, or leave {name} out"
            )


def through_codec(waveform: NDArray[np.float32], codec: CodecName) -> NDArray[np.float32]:
    """Code and decode (samples,) at 16 kHz: as long, and in place, at the codec's usual quality."""
    coding = CODINGS[codec]
    # Codecs clip at full scale, which is not what they are asked for here.
    scale = np.float32(max(float(np.abs(waveform).max()), 1.0))
    scaled = waveform / scale
    if coding.rate != SAMPLE_RATE:
        scaled = soxr.resample(scaled, SAMPLE_RATE, coding.rate)
    coded = io.BytesIO()
    soundfile.write(coded, scaled, coding.rate, format=coding.format, subtype=coding.subtype)
    coded.seek(0)
    decoded, _ = soundfile.read(coded, dtype="float32")
    if coding.rate != SAMPLE_RATE:
        decoded = soxr.resample(decoded, coding.rate, SAMPLE_RATE)
    # Resampling and coding in frames may leave a few samples too many or too few.
    kept = min(len(decoded), len(waveform))
    received = np.zeros_like(waveform)
    received[:kept] = scale * decoded[:kept]
    return received

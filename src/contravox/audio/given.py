"""A recording in whatever form a caller has it: a path, bytes, an open file, or samples."""

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from contravox.audio.audio_file import AudioBytes, AudioSource
from contravox.audio.storage import LARGEST
from contravox.errors import AudioError, brief, quoted

Audio = AudioSource | bytes | bytearray | memoryview | BinaryIO | tuple[NDArray, int]
"""A path or URL; the bytes of an audio file; a file opened for reading bytes; or samples, of the
shape (samples,) or (samples, channels), with their rate in Hz."""

MOST_CHANNELS = 64
"""More are samples whose axes were exchanged."""

_SUBTYPES = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "FLOAT"}
"""How samples of a type are kept; full scale of integers is theirs, of floats 1."""


def audio_source(audio: Audio, name: str = "audio") -> AudioSource:
    """What ``read_audio`` reads of a recording in any form.

    name: what to call one that has no path, in messages.

    Raises AudioError where it is none of these forms, or larger than 2 GiB.
    """
    if isinstance(audio, str | Path | AudioBytes):
        return audio
    if isinstance(audio, bytes | bytearray | memoryview):
        return AudioBytes(_bounded(bytes(audio), name), name)
    if isinstance(audio, tuple) and len(audio) == 2 and isinstance(audio[0], np.ndarray):
        return AudioBytes(_wav(*audio, name), name)
    if hasattr(audio, "read"):
        return AudioBytes(_bounded(_read(audio, name), name), name)
    raise AudioError(
        f"{name}: {brief(type(audio).__name__)} is no recording: give a path, the bytes of a file, "
        "an open file, or samples with their rate as (array, rate)"
    )


def _read(file: BinaryIO, name: str) -> bytes:
    try:
        data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise AudioError(f"{name}: cannot be read ({brief(str(error))}): open it again") from error
    if not isinstance(data, bytes):
        raise AudioError(f"{name}: opened as text: open it for reading bytes")
    return data


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > LARGEST:
        raise AudioError(f"{name}: larger than 2 GiB: cut it into parts")
    return data


def _wav(samples: NDArray, rate: int, name: str) -> bytes:
    """A WAV file of samples, so that they pass through the same door as all other recordings."""
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > MOST_CHANNELS):
        raise AudioError(
            f"{name}: samples of the shape {brief(str(samples.shape), 40)}: give (samples,) or "
            f"(samples, channels), at most {MOST_CHANNELS}"
        )
    subtype = _SUBTYPES.get(samples.dtype.name)
    if subtype is None:
        raise AudioError(
            f"{name}: samples of the type {brief(samples.dtype.name, 40)}: give float32 in "
            "[-1, 1], or int16"
        )
    if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or not 0 < rate < 2**31:
        raise AudioError(f"{name}: rate {quoted(rate, 40)}: give samples a second")
    if not samples.size:
        raise AudioError(f"{name}: holds no samples: record it again")
    if samples.nbytes > LARGEST:
        raise AudioError(f"{name}: larger than 2 GiB: cut it into parts")
    if samples.dtype == np.float64:
        with np.errstate(over="ignore"):
            samples = samples.astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, samples, int(rate), format="WAV", subtype=subtype)
    return file.getvalue()

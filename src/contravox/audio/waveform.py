"""Any recording to mono float32 at 16 kHz."""

import math
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from contravox.audio.audio_file import BLOCK, UNKNOWN, AudioFile, AudioSource, open_audio
from contravox.errors import AudioError, AudioWarning

SAMPLE_RATE = 16_000
"""Samples per second of every waveform in contravox."""

MINIMUM_SECONDS = 0.1
"""Shorter recordings hold too little of a voice to be compared."""

MAXIMUM_SECONDS = 6 * 3600
"""Longest that is read at once: 1.4 GB of samples."""

FARTHEST = 1e9
"""Seconds beyond which no place in a recording is."""

END_SECONDS = 0.02
"""Of a recording's end that is decoded to see that it is there."""

HIGHEST_PEAK = 2.0**16
"""Of a sample, where full scale is 1. More than 16-bit numbers left unscaled is no recording."""

SILENCE = 10 ** (-70 / 20)
"""Standard deviation (full scale is 1) under which a recording counts as silent: -70 dB."""

FULL_SCALE = 0.999
"""Level from which on a sample is at full scale."""

BEYOND = 2.0
"""Level above which samples are not clipped, as decoders overshoot, but of another scale."""

CLIPPED_SHARE = 0.01
"""Share of samples at full scale above which a recording is reported as clipped."""

AUDIO_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("wav", "flac", "ogg", "opus", "oga", "mp3", "sph", "nist", "raw"),
        *("aiff", "aif", "aifc", "au", "w64", "caf", "rf64"),
    )
)
"""Endings of the files that a corpus folder is searched for."""


Channel = Literal["mean", "left", "right"]
"""What is taken of a recording with several channels."""


@dataclass(frozen=True)
class AudioInfo:
    """seconds: length of the recording; sample_rate: in Hz, as stored; channels: as stored."""

    seconds: float
    sample_rate: int
    channels: int


def audio_info(path: str | Path) -> AudioInfo:
    """A recording's length and format, of any that ``read_audio`` takes.

    They are the header's, but the end is decoded to see that it is there, and all is where the
    header does not tell the length. (OGG has no length to be wrong about, and is slow to seek in:
    of it the beginning is decoded.)

    Raises AudioError, StorageError, MissingExtraError.
    """
    with open_audio(path) as file:
        frames = _whole_length(file)
        file.warn_of_another()
        return AudioInfo(frames / file.samplerate, file.samplerate, file.channels)


def _whole_length(file: AudioFile) -> int:
    """Frames of a recording, of which the last are there. Raises AudioError."""
    length = file.length
    if length is None:
        there = expected = _decode(file, UNKNOWN)
    else:
        there, expected = 0, min(length, round(END_SECONDS * file.samplerate))
        with suppress(soundfile.LibsndfileError):
            if file.format != "OGG":
                file.go_to(length - expected)
            there = _decode(file, expected)
    if there < max(1, expected):
        raise AudioError(f"{file.path}: cut short, its end cannot be decoded: replace the file")
    return there if length is None else length


def _decode(file: AudioFile, frames: int) -> int:
    """How many of the next frames are there. Raises AudioError for one of no recording's level."""
    there = 0
    for block in file.decoded(frames):
        _check_level(file.path, block)
        there += len(block)
    return there


def read_audio(
    path: AudioSource,
    *,
    start: float = 0.0,
    duration: float | None = None,
    channel: Channel = "mean",
) -> NDArray[np.float32]:
    """Read a recording, or a part of it, as mono at 16 kHz.

    WAV, FLAC, OGG, MP3 and whatever libsndfile reads, at rates from 4 to 768 kHz, in any number of
    channels. Only the part asked for is decoded, where the format can seek. Headers are not
    believed: where one does not tell the length, the file is read to its end, and so is a WAV file
    whose recorder was stopped before it wrote the size. Files ending in ``.raw`` are headerless
    16-bit little-endian mono at 16 kHz, as AN4 has them.

    path: a file, the bytes of one, a URL that fsspec knows, or a recording within a tar file, as
    ``storage`` writes it: ``shard.tar#bytes=FIRST-LAST``. What is no file of its own is read whole,
    in one request.
    start, duration: seconds; ``None`` reads to the end. At most 6 hours are read at once.
    channel: of several, their mean, or the first (left) or second (right) alone.

    Returns (samples,), of which full scale is [-1, 1].

    Raises AudioError, naming the file, where it is missing, is not audio, is empty, is cut short,
    or holds samples that are not finite or far beyond full scale; StorageError where a store does
    not answer, MissingExtraError where fsspec lacks what the store needs. Warns with AudioWarning
    where the file holds more recordings after the first, which are not read.
    """
    if not 0 <= start < math.inf or not (duration is None or math.isfinite(duration)):
        raise AudioError(f"{path}: from {start} s on, {duration} s long: give seconds from 0 on")
    with open_audio(path) as file:
        rate = file.samplerate
        first = round(min(start, FARTHEST) * rate)
        wanted = UNKNOWN if duration is None else round(min(max(duration, 0.0), FARTHEST) * rate)
        mono = _mono(file, first, wanted, channel)
    _check_level(path, mono)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    return np.ascontiguousarray(mono, dtype=np.float32)


def _check_level(path: AudioSource, samples: NDArray[np.float32]) -> None:
    """Raise AudioError where samples are not finite, or beyond what any recording has."""
    if not samples.size:
        return
    peak = max(float(samples.max()), -float(samples.min()))
    if not peak <= HIGHEST_PEAK:
        what = f"up to {peak:.3g} where full scale is 1" if peak < math.inf else "not finite"
        raise AudioError(f"{path}: holds samples that are {what}: replace the file")


def _mono(file: AudioFile, first: int, wanted: int, channel: Channel) -> NDArray[np.float32]:
    """(n,) frames from a place on, n <= ``wanted``, at the file's own rate. Raises AudioError."""
    length, longest = file.length, MAXIMUM_SECONDS * file.samplerate
    nothing = AudioError(
        f"{file.path}: holds no audio at {first / file.samplerate:g} s: use a longer recording"
    )
    if length is not None:
        wanted = min(wanted, length - first)
        if wanted > longest:
            raise _too_long(file, f"{wanted / file.samplerate / 3600:,.1f} hours")
    if wanted <= 0:
        raise nothing
    file.go_to(first)
    # One channel needs no mean, and the copy would double the time of a training read.
    which = 0 if file.channels == 1 else {"mean": None, "left": 0, "right": 1}[channel]
    blocks = (
        block.mean(axis=1) if which is None else block[:, which]
        for block in file.decoded(min(wanted, longest + 1))
    )
    mono = _joined(blocks, wanted if length is not None else None)
    if len(mono) > longest:
        raise _too_long(file, "longer")
    if length is not None and len(mono) < wanted:
        raise AudioError(
            f"{file.path}: cut short, {len(mono)} of {wanted} samples are there: replace the file"
        )
    if not len(mono):
        raise nothing
    if length is None or first + wanted == length:
        file.warn_of_another()
    return mono


def _joined(blocks: Iterator[NDArray[np.float32]], expected: int | None) -> NDArray[np.float32]:
    """Blocks (n,) one after another.

    Where it is known how many samples to expect, no more memory is taken than they need.
    """
    first = next(blocks, np.empty(0, np.float32))
    if expected is None or len(first) >= expected:
        rest = list(blocks)
        return np.concatenate([first, *rest]) if rest else first
    whole = np.empty(expected, np.float32)
    whole[: len(first)] = first
    filled = len(first)
    for block in blocks:
        whole[filled : filled + len(block)] = block
        filled += len(block)
    return whole[:filled]


def _too_long(file: AudioFile, length: str) -> AudioError:
    return AudioError(
        f"{file.path}: {length}, and at most {MAXIMUM_SECONDS // 3600} hours are read at once: cut "
        "it into parts, by start and duration in a manifest; or replace it, if that is wrong"
    )


def check_speech(waveform: NDArray[np.float32], name: str | Path) -> None:
    """Refuse a (samples,) waveform from which no embedding can be trusted.

    name: the recording, for the message.

    Raises AudioError as ``refuse_unusable``. Warns with AudioWarning where it is clipped, or goes
    far beyond full scale.
    """
    refuse_unusable(waveform, name)
    fault = level_fault(waveform)
    if fault is not None:
        warnings.warn(f"{name}: {fault}", AudioWarning, stacklevel=2)


def refuse_unusable(waveform: NDArray[np.float32], name: str | Path) -> None:
    """Refuse a waveform (samples,) that nothing can be told from.

    Raises AudioError where it is not finite, shorter than 0.1 s, or silent but for a constant.
    """
    seconds = len(waveform) / SAMPLE_RATE
    if seconds < MINIMUM_SECONDS:
        raise AudioError(
            f"{name}: only {seconds:.3f} s long: use at least {MINIMUM_SECONDS} s of speech"
        )
    if not np.isfinite(waveform).all():
        raise AudioError(f"{name}: holds samples that are not finite: replace the recording")
    if _deviation(waveform) < SILENCE:
        raise AudioError(f"{name}: silent: record it again, or check the microphone")


def clipped_share(waveform: NDArray[np.float32]) -> float:
    """Share of the samples at full scale."""
    loud = sum(int(np.count_nonzero(np.abs(part) >= FULL_SCALE)) for part in _parts(waveform))
    return loud / len(waveform)


def _deviation(waveform: NDArray[np.float32]) -> float:
    """Standard deviation, in float64."""
    mean = float(waveform.mean(dtype=np.float64))
    squares = sum(
        float(np.square(part - mean, dtype=np.float64).sum()) for part in _parts(waveform)
    )
    return math.sqrt(squares / len(waveform))


def _parts(waveform: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """A waveform in parts, of which copies of any kind take little memory."""
    return np.array_split(waveform, -(-len(waveform) // BLOCK))


def level_fault(waveform: NDArray[np.float32]) -> str | None:
    """What is wrong with the level of a (samples,) waveform, if anything is, and the mend."""
    loudest = max(float(waveform.max()), -float(waveform.min()))
    if loudest > BEYOND:
        return (
            f"reaches {loudest:.3g} where full scale is 1: is it of another scale? "
            "Write it anew, in [-1, 1]"
        )
    clipped = clipped_share(waveform)
    if clipped > CLIPPED_SHARE:
        return (
            f"clipped ({clipped:.0%} of the samples at full scale): "
            "its score is less certain; record it at a lower level"
        )
    return None

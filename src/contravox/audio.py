"""Any recording to mono float32 at 16 kHz."""

import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from contravox.errors import AudioError, AudioWarning
from contravox.storage import Location, read_bytes

SAMPLE_RATE = 16_000
"""Samples per second of every waveform in contravox."""

MINIMUM_SECONDS = 0.1
"""Shorter recordings hold too little of a voice to be compared."""

SILENCE = 10 ** (-70 / 20)
"""Root mean square (full scale is 1) under which a recording counts as silent: -70 dB."""

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


@dataclass(frozen=True)
class AudioInfo:
    """seconds: length of the recording; sample_rate: in Hz, as stored; channels: as stored."""

    seconds: float
    sample_rate: int
    channels: int


def audio_info(path: str | Path) -> AudioInfo:
    """Read a recording's length and format from its header, of any that ``read_audio`` takes.

    Raises AudioError, StorageError, MissingExtraError.
    """
    with _open(path) as file:
        return AudioInfo(file.frames / file.samplerate, file.samplerate, file.channels)


def read_audio(
    path: str | Path,
    *,
    start: float = 0.0,
    duration: float | None = None,
    channel: Literal["mean", "first"] = "mean",
) -> NDArray[np.float32]:
    """Read a recording, or a part of it, as mono at 16 kHz.

    WAV, FLAC, OGG, MP3 and whatever libsndfile reads, at any rate. Only the part asked for is
    decoded, where the format can seek. Files ending in ``.raw`` are headerless 16-bit little-endian
    mono at 16 kHz, as AN4 has them.

    path: a file, a URL that fsspec knows, or a recording within a tar file at either, as
    ``storage`` writes it: ``shard.tar#bytes=FIRST-LAST``. What is no file of its own is read whole,
    in one request.
    start, duration: seconds; ``None`` reads to the end.
    channel: which of several: their mean, or the first alone.

    Returns (samples,) in [-1, 1].

    Raises AudioError, naming the file, where it is missing, is not audio, is empty, is cut short,
    or holds samples that are not finite; StorageError where a store does not answer,
    MissingExtraError where fsspec lacks what the store needs.
    """
    with _open(path) as file:
        first = round(start * file.samplerate)
        wanted = file.frames - first
        if duration is not None:
            wanted = min(wanted, round(duration * file.samplerate))
        if wanted <= 0:
            raise AudioError(f"{path}: holds no audio at {start:g} s: use a longer recording")
        try:
            file.seek(first)
            samples = file.read(wanted, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise AudioError(f"{path}: cannot be decoded ({error}): replace the file") from error
        sample_rate = file.samplerate
    if len(samples) < wanted:
        raise AudioError(
            f"{path}: cut short, {len(samples)} of {wanted} samples are there: replace the file"
        )
    # One channel needs no mean, and the copy would double the time of a training read.
    alone = channel == "first" or samples.shape[1] == 1
    mono = samples[:, 0] if alone else samples.mean(axis=1)
    if not np.isfinite(mono).all():
        raise AudioError(f"{path}: holds samples that are not finite: replace the file")
    if sample_rate != SAMPLE_RATE:
        mono = soxr.resample(mono, sample_rate, SAMPLE_RATE)
    return np.ascontiguousarray(mono, dtype=np.float32)


def check_speech(waveform: NDArray[np.float32], name: str | Path) -> None:
    """Refuse a (samples,) waveform from which no embedding can be trusted.

    name: the recording, for the message.

    Raises AudioError where it is not finite, shorter than 0.1 s or silent. Warns with AudioWarning
    where it is clipped.
    """
    seconds = len(waveform) / SAMPLE_RATE
    if seconds < MINIMUM_SECONDS:
        raise AudioError(
            f"{name}: only {seconds:.3f} s long: use at least {MINIMUM_SECONDS} s of speech"
        )
    if not np.isfinite(waveform).all():
        raise AudioError(f"{name}: holds samples that are not finite: replace the recording")
    if float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))) < SILENCE:
        raise AudioError(f"{name}: silent: record it again, or check the microphone")
    clipped = float(np.mean(np.abs(waveform) >= 0.999))
    if clipped > CLIPPED_SHARE:
        warnings.warn(
            f"{name}: clipped ({clipped:.0%} of the samples at full scale): "
            "its score is less certain; record it at a lower level",
            AudioWarning,
            stacklevel=2,
        )


def _open(path: str | Path) -> soundfile.SoundFile:
    """Open a recording, or say in one line why not."""
    location = Location.parse(path)
    source: str | io.BytesIO = location.path
    if not location.plain_file:
        source = io.BytesIO(read_bytes(location))
    elif not Path(location.path).exists():
        raise AudioError(f"{path}: no such file")
    try:
        if location.path.endswith(".raw"):
            file = soundfile.SoundFile(
                source,
                format="RAW",
                subtype="PCM_16",
                endian="LITTLE",
                channels=1,
                samplerate=SAMPLE_RATE,
            )
        else:
            file = soundfile.SoundFile(source)
    except (soundfile.LibsndfileError, OSError) as error:
        reason = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
        reason = str(reason).strip().rstrip(".").lower()
        raise AudioError(
            f"{path}: cannot be read as audio ({reason}): use WAV, FLAC, OGG or MP3"
        ) from error
    if file.frames == 0:
        file.close()
        raise AudioError(f"{path}: empty, it holds no samples: replace the file")
    # libsndfile reads a WAV file that was cut short as if it were whole and mentions the difference
    # only in its log. A size from 2 GiB up is what programs write that did not know it yet.
    sizes = re.search(r"data : (\d+) \(should be (\d+)\)", file.extra_info)
    if sizes and int(sizes[2]) < int(sizes[1]) < 2**31 - 2**16:
        file.close()
        raise AudioError(
            f"{path}: cut short, {sizes[2]} of {sizes[1]} bytes are there: replace the file"
        )
    return file

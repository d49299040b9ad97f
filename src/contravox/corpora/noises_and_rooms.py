"""What speech is mixed with for training: noises, music, and impulse responses of rooms.

MUSAN (Snyder et al., arXiv 1510.08484): ``musan/noise/free-sound/noise-free-sound-0000.wav``.
RIRS_NOISES, OpenSLR 28 (Ko et al., ICASSP 2017):
``RIRS_NOISES/simulated_rirs/smallroom/Room001/Room001-00001.wav``, ``real_rirs_isotropic_noises``,
whose files are responses or noises by their names, and ``pointsource_noises``.
Any tree of noises, ``DIR/[noise|music|speech/]…/<name>.wav``, or of responses.
"""

from pathlib import Path

import numpy as np
import polars as pl

from contravox.audio.waveform import SAMPLE_RATE, read_audio
from contravox.corpora.corpus import Corpus
from contravox.corpora.files import recordings_like
from contravox.corpora.folder import unlabelled_recordings
from contravox.errors import AudioError

MUSAN_PATTERN = r"/(?<utterance>(?<kind>music|noise|speech)/[^/]+/[^/]+)\.[^./]+$"


def musan_recordings(folder: Path) -> pl.DataFrame:
    """Every recording below ``folder``; kind is music, noise or speech."""
    return recordings_like(folder, MUSAN_PATTERN)


MUSAN = Corpus(
    title="MUSAN",
    recordings=musan_recordings,
    pattern=MUSAN_PATTERN,
    example="musan/noise/free-sound/noise-free-sound-0000.wav",
    release={
        "music": {"utterances": 660},
        "noise": {"utterances": 930},
        "speech": {"utterances": 426},
    },
)

RIRS_PATTERN = (
    r"/(?<utterance>(?:simulated_rirs/(?<room>(?:small|medium|large)room)/(?:(?<session>Room\d+)/)?"
    r"|real_rirs_isotropic_noises/|(?<noises>pointsource_noises)/)(?<name>[^/]+))\.[^./]+$"
)


def rirs_recordings(folder: Path) -> pl.DataFrame:
    """Every response and noise below ``folder``.

    kind is smallroom, mediumroom or largeroom (simulated), real, or noise; session is the room.
    """
    is_noise = pl.col("noises").is_not_null() | pl.col("name").str.contains("(?i)noise")
    kind = (
        pl.when(pl.col("room").is_not_null())
        .then(pl.col("room"))
        .when(is_noise)
        .then(pl.lit("noise"))
        .otherwise(pl.lit("real"))
    )
    recordings = recordings_like(folder, RIRS_PATTERN).with_columns(kind.alias("kind"))
    return recordings.drop("room", "noises", "name")


RIRS = Corpus(
    title="RIRS_NOISES",
    recordings=rirs_recordings,
    pattern=RIRS_PATTERN,
    example="RIRS_NOISES/simulated_rirs/smallroom/Room001/Room001-00001.wav",
    apart={"noises": pl.col("kind") == "noise"},
    release={f"{size}room": {"utterances": 20_000} for size in ("small", "medium", "large")},
    # A response may be shorter than any speech.
    shortest=0.0,
)

KINDS = ("noise", "music", "speech")
"""Names of top folders that say of what kind the recordings in them are, as MUSAN's do."""


def noise_recordings(folder: Path) -> pl.DataFrame:
    """Every audio file below ``folder``; kind is that of its top folder, or noise.

    Raises ManifestError where there is no audio.
    """
    recordings = unlabelled_recordings(folder)
    top = pl.col("utterance").str.extract(r"^([^/]+)/")
    kind = pl.when(top.is_in(KINDS)).then(top).otherwise(pl.lit("noise"))
    return recordings.with_columns(kind=kind)


NOISES = Corpus(title="a tree of noises", recordings=noise_recordings)

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
    samples = read_audio(path, channel="left").astype(np.float64)
    onset = int(np.abs(samples).argmax())
    remaining = np.cumsum(np.square(samples[:onset:-1]))[::-1]
    energy = float(np.square(samples[onset:]).sum())
    if not energy:
        raise AudioError(f"{path}: silent, no impulse response")
    late = remaining[3 * len(remaining) // 4 :]
    if len(late) and late[0] > LATE * energy:
        raise AudioError(f"{path}: does not decay, so it is no impulse response")
    length = 1 + int(np.count_nonzero(remaining > REMAINDER * energy))
    start = max(0.0, onset / SAMPLE_RATE - BEFORE)
    end = min(onset + length, onset + round(LONGEST * SAMPLE_RATE)) / SAMPLE_RATE
    return start, min(end + BEFORE, len(samples) / SAMPLE_RATE) - start


RESPONSES = Corpus(
    title="a tree of impulse responses",
    recordings=response_recordings,
    used_part=used_part,
    # One of a device may be shorter than any speech.
    shortest=0.0,
)

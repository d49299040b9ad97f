"""What the loaders read: speech, noises and impulse responses, made once for a run.

Real recordings of ``/work/shared`` where they are there, else generated ones. All files are those
that the loaders' own recipes have: FLAC for speech, WAV for the rest, 16 kHz.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import soundfile
from numpy.typing import NDArray

from contravox.audio.waveform import AUDIO_SUFFIXES, SAMPLE_RATE, read_audio
from contravox.augmentation.music import music
from contravox.augmentation.noise import coloured_noise
from contravox.augmentation.rooms import draw_room, impulse_response
from contravox.corpora.shards import shard_manifest
from contravox.errors import AudioError
from contravox.manifest import COLUMNS, Manifest

SHARED = Path("/work/shared")
UTTERANCES, SPEAKERS = 1000, 100
SECONDS = (4.0, 12.0)
"""Shortest and longest utterance."""
MUSIC, VOICES = 60, 100
"""Recordings of music and of speech beside the noises, about in MUSAN's proportions to those."""
SHARD_MEGABYTES = 26
"""Of 16-bit samples, which makes ten shards: the loaders that stream need one for each worker."""


@dataclass(frozen=True)
class Corpus:
    """Where everything lies."""

    folder: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "speech" / "manifest.tsv"

    @property
    def shards(self) -> Path:
        return self.folder / "shards" / "manifest.tsv"

    @property
    def noises(self) -> Path:
        return self.folder / "noises" / "manifest.tsv"

    @property
    def rooms(self) -> Path:
        return self.folder / "rooms" / "manifest.tsv"


def make_corpus(folder: Path) -> Corpus:
    """Write everything below ``folder``."""
    corpus = Corpus(folder)
    generator = np.random.default_rng(0)
    _write(corpus.manifest, _speech(generator), "flac")
    shard_manifest(Manifest.read(corpus.manifest), corpus.shards.parent, megabytes=SHARD_MEGABYTES)
    _write(corpus.noises, _noises(generator), "wav")
    _write(corpus.rooms, _rooms(generator), "wav")
    return corpus


Recording = tuple[str, str | None, str | None, NDArray[np.float32]]
"""name, speaker, kind, waveform."""


def _speech(generator: np.random.Generator) -> Iterator[Recording]:
    """Utterances of 4 to 12 s: recordings one after the other until they are long enough."""
    files = _files(SHARED / "speech" / "librispeech")
    for number in range(UTTERANCES):
        samples = round(generator.uniform(*SECONDS) * SAMPLE_RATE)
        waveform = np.zeros(0, np.float32)
        while len(waveform) < samples:
            waveform = np.concatenate([waveform, _voice(files, generator)])
        speaker = f"speaker{number % SPEAKERS:03}"
        yield f"{speaker}/{number:04}", speaker, None, waveform[:samples]


def _noises(generator: np.random.Generator) -> Iterator[Recording]:
    recorded = [_read(path) for path in _files(SHARED / "noise")]
    noises = [noise for noise in recorded if noise is not None] or [
        coloured_noise(generator, 5 * SAMPLE_RATE, 1.0) for _ in range(400)
    ]
    for number, noise in enumerate(noises):
        yield f"noise/{number:04}", None, "noise", noise / np.abs(noise).max().clip(1e-3)
    for number in range(MUSIC):
        tune = music(generator, 5 * SAMPLE_RATE)
        yield f"music/{number:04}", None, "music", tune / np.abs(tune).max()
    files = _files(SHARED / "speech" / "librispeech")
    for number in range(VOICES):
        yield f"speech/{number:04}", None, "speech", _voice(files, generator)


def _rooms(generator: np.random.Generator) -> Iterator[Recording]:
    recorded = [_read(path) for path in _files(SHARED / "impulse_responses")]
    rooms = [room for room in recorded if room is not None] or [
        impulse_response(draw_room(generator, (0.1, 0.7)), generator) for _ in range(50)
    ]
    for number, response in enumerate(rooms):
        yield f"real/{number:04}", None, "real", response / np.abs(response).max()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in AUDIO_SUFFIXES)


def _voice(files: list[Path], generator: np.random.Generator) -> NDArray[np.float32]:
    """A recording of speech, or of what takes as long to read."""
    if files:
        return read_audio(files[generator.integers(len(files))])
    return 0.1 * coloured_noise(generator, 5 * SAMPLE_RATE, 1.0)


def _read(path: Path) -> NDArray[np.float32] | None:
    try:
        return read_audio(path, channel="left")
    except AudioError:
        return None


def _write(manifest: Path, recordings: Iterator[Recording], ending: str) -> None:
    """Write recordings and their manifest."""

    def write(recording: Recording) -> tuple[object, ...]:
        name, speaker, kind, waveform = recording
        path = manifest.parent / f"{name}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, waveform, SAMPLE_RATE, subtype="PCM_16")
        return name, speaker, None, str(path), 0.0, len(waveform) / SAMPLE_RATE, SAMPLE_RATE, kind

    with ThreadPoolExecutor() as pool:
        rows = list(pool.map(write, recordings))
    table = pl.DataFrame(rows, schema=COLUMNS | {"kind": pl.String}, orient="row")
    Manifest(table).write(manifest)

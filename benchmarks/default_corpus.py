"""What the default model is trained, calibrated and measured on.

Corpora, each a folder for every speaker and ``utterances.tsv``, are parted by speaker: of those
with two utterances or more a sixth is for tests and a tenth for calibration. The rest trains, and
who has one utterance too. Training speech comes in other voices as well, by speed and by Praat,
each as other speakers, in files of its own: a teacher embeds what it hears. And all of that comes
once more, spoken in another way by the same speakers. All of it is written as WAV of 16 bits, as
decoding Opus anew for every segment takes longer than training a small encoder on it.
"""

import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import soundfile
import soxr
from numpy.typing import NDArray

from contravox.audio.waveform import AUDIO_SUFFIXES, SAMPLE_RATE
from contravox.augmentation.speed import change_speed
from contravox.corpora.preparation import prepare_corpus
from contravox.manifest import Manifest
from default_voices import another_voice, another_way, changed

PARTS = ("train", "calibration", "test")
SPEEDS = (0.9, 1.1)
ANOTHER_WAY = "+"
"""What the name of an utterance ends in that is spoken in another way than the one without."""
TEST, CALIBRATION = 1 / 6, 1 / 10
"""Of the speakers with two utterances or more."""
TWINS = {("an4", "mdcs2")}
"""Who may be the same person as another."""


class Recording(NamedTuple):
    """A file of a corpus, ``source``, and the folder of corpora where it goes."""

    source: Path
    target: Path
    corpus: str
    speaker: str
    name: str
    trains: bool


def prepare_parts(speech: Path, output: Path) -> None:
    """Write the speech and ``PART/manifest.tsv`` of every part below ``output``."""
    if (output / PARTS[-1] / "manifest.tsv").exists():
        return
    recordings = [each for corpus in _corpora(speech) for each in _parted(corpus, output)]
    with ProcessPoolExecutor() as processes:
        list(processes.map(_write, recordings, chunksize=64))
    for part in PARTS:
        manifests = [_manifest(corpus, output) for corpus in _folders(output / "speech" / part)]
        (output / part).mkdir(exist_ok=True)
        Manifest.joined(manifests).write(output / part / "manifest.tsv")


def prepare_noises(noise: Path, output: Path) -> None:
    """Write the noises as WAV, and ``noises/manifest.tsv``."""
    manifest = output / "noises" / "manifest.tsv"
    if manifest.exists():
        return
    for path in sorted(noise.rglob("*")):
        if path.suffix.lower() in AUDIO_SUFFIXES:
            _save((output / "noise" / path.relative_to(noise)).with_suffix(".wav"), _read(path))
    prepare_corpus("noises", output / "noise", manifest.parent)


def _corpora(speech: Path) -> list[Path]:
    return [table.parent for table in sorted(speech.glob("*/utterances.tsv"))]


def _folders(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.iterdir()) if each.is_dir()]


def _parted(corpus: Path, output: Path) -> Iterator[Recording]:
    """The recordings of a corpus, each into its speaker's part."""
    files = {
        folder.name: [path for path in sorted(folder.rglob("*")) if path.is_file()]
        for folder in _folders(corpus)
        if (corpus.name, folder.name) not in TWINS
    }
    several = [speaker for speaker, own in files.items() if len(own) > 1]
    order = np.random.default_rng(0).permutation(several).tolist()
    tests, rest = round(len(order) * TEST), round(len(order) * CALIBRATION)
    parts = dict.fromkeys(order[:tests], "test")
    parts |= dict.fromkeys(order[tests : tests + rest], "calibration")
    for speaker, own in files.items():
        part = parts.get(speaker, "train")
        for path in own:
            name = "_".join(path.relative_to(corpus / speaker).with_suffix(".wav").parts)
            target = output / "speech" / part
            yield Recording(path, target, corpus.name, speaker, name, part == "train")


def _write(recording: Recording) -> None:
    voices = {"": _read(recording.source)}
    folder = recording.target / recording.corpus
    if recording.trains:
        voices |= _voices(recording, voices[""])
    for voice, waveform in voices.items():
        path = folder / f"{recording.speaker}{voice}" / recording.name
        _save(path, waveform)
        if recording.trains:
            way = another_way(_generator(str(path.relative_to(recording.target))))
            _save(path.with_stem(path.stem + ANOTHER_WAY), changed(waveform, way))


def _voices(recording: Recording, waveform: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """The recording in other voices, by what the speaker's name gets for each."""
    voices = {f"@{speed:g}": change_speed(waveform, speed) for speed in SPEEDS}
    # The same for all that a speaker says.
    voice = another_voice(_generator(f"{recording.corpus}/{recording.speaker}"))
    return voices | {"@voice": changed(waveform, voice)}


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def _read(path: Path) -> NDArray[np.float32]:
    """(samples,) of the first channel, at 16 kHz."""
    waveform, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(waveform[:, 0], rate, SAMPLE_RATE)


def _save(path: Path, waveform: NDArray[np.float32]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, waveform.clip(-1, 1), SAMPLE_RATE, subtype="PCM_16")


def _manifest(corpus: Path, output: Path) -> Manifest:
    """The utterances of a corpus in a part, which the manifest then names."""
    folder = output / "corpora" / corpus.parent.name / corpus.name
    prepare_corpus("folder", corpus, folder)
    table = Manifest.read(folder / "manifest.tsv").table.drop("corpus", strict=False)
    return Manifest(table.with_columns(corpus=pl.lit(corpus.name)))

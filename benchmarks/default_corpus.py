"""What the default model is trained, calibrated and measured on.

Corpora, each a folder for every speaker and ``utterances.tsv``, are parted by speaker: of those
with two utterances or more a sixth is for tests and a tenth for calibration. The rest trains, and
who has one utterance too. Training speech comes at other speeds as well, each as other speakers,
in files of its own: a teacher embeds what it hears. All of it is written as WAV of 16 bits, as
decoding Opus anew for every segment takes longer than training a small encoder on it.
"""

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

PARTS = ("train", "calibration", "test")
SPEEDS = (0.9, 1.1)
TEST, CALIBRATION = 1 / 6, 1 / 10
"""Of the speakers with two utterances or more."""
TWINS = {("an4", "mdcs2")}
"""Who may be the same person as another."""


class Recording(NamedTuple):
    """A file of a corpus, below ``source``, and where it goes below ``target`` at other speeds."""

    source: Path
    target: Path
    corpus: str
    speaker: str
    name: str
    speeds: tuple[float, ...]


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
            speeds = (1.0, *SPEEDS) if part == "train" else (1.0,)
            target = output / "speech" / part
            yield Recording(path, target, corpus.name, speaker, name, speeds)


def _write(recording: Recording) -> None:
    waveform = _read(recording.source)
    for speed in recording.speeds:
        speaker = recording.speaker if speed == 1 else f"{recording.speaker}@{speed:g}"
        changed = waveform if speed == 1 else change_speed(waveform, speed)
        _save(recording.target / recording.corpus / speaker / recording.name, changed)


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

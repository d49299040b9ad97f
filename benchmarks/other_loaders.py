"""The loaders of WeSpeaker and voxceleb_trainer, step for step with public libraries.

WeSpeaker (wespeaker/dataset/processor.py at dfa7419) decodes whole files, from a list or streamed
from tar files, shuffles within a buffer, cuts a random segment, augments six of ten and computes
features, one segment after the other, in the worker. voxceleb_trainer (DatasetLoader.py at f51bab8)
decodes whole files, cuts a random segment, augments four of five, and leaves features to the main
process.

Where there is a choice they get what is faster here: soundfile reads (torchaudio is no dependency),
features come from ``filter_banks.plain_filter_bank`` without dither, noises that WeSpeaker keeps in
LMDB lie in memory. Speed perturbation and SpecAugment are off.
"""

import io
import json
import random
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from scipy import signal
from scipy.io import wavfile
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from contravox.manifest import Manifest
from filter_banks import SAMPLE_RATE, plain_filter_bank
from loading_corpus import Corpus

Sample = dict[str, Any]
Stream = Iterator[Sample]

SHUFFLED = 500
"""Utterances in WeSpeaker's buffer: all that a worker reads here, where its recipes have 2,500."""
SHORTEST, LONGEST = 1.0, 8.0
"""Seconds: WeSpeaker leaves out shorter utterances and first cuts longer ones down."""


def _load_all(loader: DataLoader[Any], features: Callable[[Tensor], Tensor] | None) -> int:
    segments = 0
    with torch.inference_mode():
        for waveforms, _ in loader:
            if features is not None:
                waveforms = torch.stack([features(row) for row in waveforms])
            segments += len(waveforms)
    return segments


# WeSpeaker.


def _raw(sources: list[str]) -> Stream:
    """Decode each file whole."""
    for line in sources:
        sample = json.loads(line)
        waveform, rate = soundfile.read(sample["wav"], dtype="float32")
        yield {"wav": torch.from_numpy(waveform)[None], "rate": rate, "speaker": sample["spk"]}


def _shards(sources: list[str]) -> Stream:
    """Decode each file of each tar whole, as they come."""
    for source in sources:
        with open(source, "rb") as stream, tarfile.open(fileobj=stream, mode="r|*") as archive:
            sample: Sample = {}
            for member in archive:
                file = archive.extractfile(member)
                assert file is not None
                if member.name.endswith(".flac"):
                    waveform, rate = soundfile.read(io.BytesIO(file.read()), dtype="float32")
                    sample |= {"wav": torch.from_numpy(waveform)[None], "rate": rate}
                else:
                    sample["speaker"] = json.loads(file.read())["speaker"]
                if len(sample) == 3:
                    yield sample
                    sample = {}


def _chunk(waveform: Any, samples: int) -> Any:
    """A random part of (n,), repeated where it is too short."""
    if len(waveform) >= samples:
        start = random.randint(0, len(waveform) - samples)
        part = waveform[start : start + samples]
        return part.clone() if isinstance(part, Tensor) else part.copy()
    times = samples // len(waveform) + 1
    if isinstance(waveform, Tensor):
        return waveform.repeat(times)[:samples]
    return np.tile(waveform, times)[:samples]


def _filtered(stream: Stream) -> Stream:
    for sample in stream:
        waveform = sample["wav"][0]
        if len(waveform) < SHORTEST * sample["rate"]:
            continue
        if len(waveform) > LONGEST * sample["rate"]:
            waveform = _chunk(waveform, int(LONGEST * sample["rate"]))
        yield sample | {"wav": waveform[None]}


def _shuffled(stream: Stream) -> Stream:
    held: list[Sample] = []
    for sample in stream:
        held.append(sample)
        if len(held) >= SHUFFLED:
            random.shuffle(held)
            yield from held
            held = []
    random.shuffle(held)
    yield from held


def _cut(stream: Stream, samples: int) -> Stream:
    for sample in stream:
        if sample["rate"] != SAMPLE_RATE:
            raise ValueError("the files of this benchmark have one rate")
        yield sample | {"wav": _chunk(sample["wav"][0], samples)[None]}


def _augmented(stream: Stream, rooms: list[bytes], noises: list[tuple[str, bytes]]) -> Stream:
    """Three of ten reverberated, three of ten in noise."""
    snrs = {"noise": (0, 15), "speech": (10, 30), "music": (5, 15)}
    for sample in stream:
        if random.random() < 0.6:
            audio = sample["wav"].numpy()[0]
            if random.randint(1, 2) == 1:
                _, response = wavfile.read(io.BytesIO(random.choice(rooms)))
                response = response.astype(np.float32)
                response = response / np.sqrt(np.sum(response**2))
                treated = signal.convolve(audio, response, mode="full")[: len(audio)]
            else:
                level = 10 * np.log10(np.mean(audio**2) + 1e-4)
                kind, data = random.choice(noises)
                _, noise = wavfile.read(io.BytesIO(data))
                noise = _chunk(noise.astype(np.float32) / (1 << 15), len(audio))
                noise_level = 10 * np.log10(np.mean(noise**2) + 1e-4)
                snr = random.uniform(*snrs[kind])
                treated = audio + np.sqrt(10 ** ((level - noise_level - snr) / 10)) * noise
            treated = treated / (np.max(np.abs(treated)) + 1e-4)
            sample["wav"] = torch.from_numpy(treated.astype(np.float32))[None]
        yield sample


class _WeSpeaker(IterableDataset[tuple[Tensor, int]]):
    """Its chain of generators over a list of files or of shards."""

    def __init__(
        self,
        decode: Callable[[list[str]], Stream],
        sources: list[str],
        corpus: Corpus,
        samples: int,
        augment: bool,
    ) -> None:
        self.decode, self.sources, self.samples = decode, sources, samples
        table = Manifest.read(corpus.manifest).table
        self.labels = {name: label for label, name in enumerate(table["speaker"].unique().sort())}
        self.rooms: list[bytes] = []
        self.noises: list[tuple[str, bytes]] = []
        if augment:
            self.rooms = [Path(path).read_bytes() for path in _paths(corpus.rooms)["real"]]
            self.noises = [
                (kind, Path(path).read_bytes())
                for kind, paths in _paths(corpus.noises).items()
                for path in paths
            ]
        self.epoch = 0

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        worker = get_worker_info()
        assert worker is not None
        sources = self.sources.copy()
        random.Random(self.epoch).shuffle(sources)
        stream = self.decode(sources[worker.id :: worker.num_workers])
        stream = _cut(_shuffled(_filtered(stream)), self.samples)
        if self.noises:
            stream = _augmented(stream, self.rooms, self.noises)
        for sample in stream:
            yield plain_filter_bank(sample["wav"][0]), self.labels[sample["speaker"]]


def open_wespeaker_raw(corpus: Corpus, *, mix: bool = False, **how: Any) -> Callable[[], int]:
    """Whole files from a list of JSON lines."""
    rows = Manifest.read(corpus.manifest).table.select("utterance", "path", "speaker").rows()
    lines = [json.dumps({"key": key, "wav": path, "spk": name}) for key, path, name in rows]
    return _open_wespeaker(_raw, lines, corpus, mix, **how)


def open_wespeaker_shards(corpus: Corpus, *, mix: bool = False, **how: Any) -> Callable[[], int]:
    """Tar files from end to end."""
    shards = sorted(map(str, corpus.shards.parent.glob("*.tar")))
    return _open_wespeaker(_shards, shards, corpus, mix, **how)


def _open_wespeaker(
    decode: Callable[[list[str]], Stream],
    sources: list[str],
    corpus: Corpus,
    augment: bool,
    *,
    seconds: float,
    batch_size: int,
    workers: int,
) -> Callable[[], int]:
    dataset = _WeSpeaker(decode, sources, corpus, round(seconds * SAMPLE_RATE), augment)
    loader = DataLoader(dataset, batch_size=batch_size, num_workers=workers, prefetch_factor=8)

    def load() -> int:
        dataset.epoch += 1
        return _load_all(loader, None)

    return load


# voxceleb_trainer.


def _read_part(path: str, samples: int) -> NDArray[np.float64]:
    """A random part of a file that was decoded whole, (1, samples)."""
    audio, _ = soundfile.read(path)
    if len(audio) <= samples:
        audio = np.pad(audio, (0, samples - len(audio) + 1), "wrap")
    start = int(random.random() * (len(audio) - samples))
    return audio[None, start : start + samples]


class _VoxcelebTrainer(Dataset[tuple[Tensor, int]]):
    def __init__(self, corpus: Corpus, samples: int, augment: bool) -> None:
        table = Manifest.read(corpus.manifest).table
        self.paths = table["path"].to_list()
        self.labels = np.unique(table["speaker"].to_numpy(), return_inverse=True)[1].tolist()
        self.samples, self.augment = samples, augment
        self.noises = _paths(corpus.noises)
        self.rooms = _paths(corpus.rooms)["real"]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        audio = _read_part(self.paths[row], self.samples)
        effect = random.randint(0, 4) if self.augment else 0
        if effect == 1:
            response, _ = soundfile.read(random.choice(self.rooms))
            response = response[None] / np.sqrt(np.sum(response**2))
            audio = signal.convolve(audio, response, mode="full")[:, : self.samples]
        elif effect > 1:
            audio = self._with_noise(audio, ("music", "speech", "noise")[effect - 2])
        return torch.FloatTensor(audio)[0], self.labels[row]

    def _with_noise(self, audio: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
        snrs = {"noise": (0, 15), "speech": (13, 20), "music": (5, 15)}[kind]
        several = random.randint(3, 7) if kind == "speech" else 1
        level = 10 * np.log10(np.mean(audio**2) + 1e-4)
        noises = []
        for path in random.sample(self.noises[kind], several):
            noise = _read_part(path, self.samples)
            noise_level = 10 * np.log10(np.mean(noise**2) + 1e-4)
            snr = random.uniform(*snrs)
            noises.append(np.sqrt(10 ** ((level - noise_level - snr) / 10)) * noise)
        return np.sum(np.concatenate(noises), axis=0, keepdims=True) + audio


def open_voxceleb_trainer(
    corpus: Corpus, *, seconds: float, batch_size: int, workers: int, mix: bool = False
) -> Callable[[], int]:
    """Whole files."""
    dataset = _VoxcelebTrainer(corpus, round(seconds * SAMPLE_RATE), mix)
    loader = DataLoader(
        dataset, batch_size=batch_size, num_workers=workers, shuffle=True, prefetch_factor=8
    )
    return lambda: _load_all(loader, plain_filter_bank)


def _paths(manifest: Path) -> dict[str, list[str]]:
    """The files of a manifest by their kind."""
    table = Manifest.read(manifest).table
    kinds = table.partition_by("kind", as_dict=True)
    return {str(kind): part["path"].to_list() for (kind,), part in kinds.items()}

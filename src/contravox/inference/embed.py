"""Utterances of a manifest to embeddings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contravox.audio.speech_activity import (
    FRAME,
    WITHOUT_SPEECH,
    only_speech,
    speech_frames,
)
from contravox.audio.waveform import SAMPLE_RATE, check_speech, read_audio
from contravox.embedding_model import EmbeddingModel
from contravox.embeddings import Embeddings
from contravox.errors import AudioError, ModelError
from contravox.manifest import Manifest
from contravox.threads import map_in_threads

BATCH_SECONDS = 40.0
"""Audio embedded at a time: enough to keep the cores busy, few enough to stay in the caches."""


@dataclass(frozen=True)
class Crops:
    """Pieces of an utterance embedded in place of the whole: ``count`` of ``seconds``.

    They begin at equal distances from the start to the end, as in the public code of CEL (Mun et
    al. 2020); an utterance that is too short is repeated. ``whole``: the whole utterance beside
    them, as in public code for ECAPA-TDNN.
    """

    count: int
    seconds: float
    whole: bool = False

    def __str__(self) -> str:
        crops = f"{self.count} crops of {self.seconds:g} s"
        return f"whole utterance and {crops}" if self.whole else crops

    def cut(self, waveform: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The crops, each (samples,), of a (samples,) waveform at 16 kHz."""
        samples = round(self.seconds * SAMPLE_RATE)
        if len(waveform) < samples:
            waveform = np.resize(waveform, samples)
        starts = np.linspace(0, len(waveform) - samples, self.count).round().astype(int)
        return [waveform[start : start + samples] for start in starts]


class Embedded(NamedTuple):
    """embeddings: of the utterances that could be read; unreadable: why the others could not.

    speech_seconds: (n,) of speech in the utterances of the embeddings, where that was measured.
    """

    embeddings: Embeddings
    unreadable: dict[str, str]
    speech_seconds: NDArray[np.float64] | None = None

    def whole(self) -> "Embedded":
        """The same. Raises AudioError for the first recording that could not be read."""
        for reason in self.unreadable.values():
            raise AudioError(reason)
        return self


def embed_manifest(
    model: EmbeddingModel,
    manifest: Manifest,
    *,
    crops: Crops | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Embeddings:
    """Embed every utterance of a manifest; see ``embed_readable``.

    Raises AudioError for the first recording that cannot be read or trusted.
    """
    return embed_readable(model, manifest, crops=crops, progress=progress).whole().embeddings


def embed_readable(
    model: EmbeddingModel,
    manifest: Manifest,
    *,
    crops: Crops | None = None,
    measure_speech: bool = False,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Embedded:
    """Embed every utterance of a manifest that can be read and trusted, whole or in crops.

    The embedding of crops is the mean of theirs, each of length 1: the product of two such means
    is the mean of all cosines between the crops of one and those of the other. With the whole
    utterance it is twice as wide, and the product the mean of that and of the cosine when whole.

    Utterances of similar length are embedded together; the next are read meanwhile. Long ones are
    embedded in pieces, see ``EmbeddingModel.embed``. What is not speech is left out where the
    model's settings say so.

    measure_speech: count the seconds of speech in each, which takes about as long as a small model.
    progress: called with the numbers done and in all.
    """
    table = manifest.table.sort("duration", descending=True)
    rows = table.select("utterance", "path", "start", "duration").rows()
    vectors = np.empty((len(rows), width(model, crops)), np.float32)
    speech_seconds = np.empty(len(rows))
    unreadable: dict[str, str] = {}
    embedded: list[int] = []
    done = 0
    batches = list(_batches(rows, crops))
    # Few are read ahead, as a batch may be a recording of hours.
    read_all = partial(
        _read_all, speech_only=model.settings.speech_only, measure_speech=measure_speech
    )
    read = map_in_threads(read_all, batches, workers=2, ahead=1)
    for batch, recordings in zip(batches, read, strict=True):
        results = _embed_readable(model, batch, recordings, crops)
        for row, recording, vector in zip(batch, recordings, results, strict=True):
            if isinstance(vector, AudioError):
                unreadable[row[0]] = str(vector)
            else:
                vectors[done] = vector
                speech_seconds[done] = recording.speech_seconds
                embedded.append(done)
            done += 1
        progress(done, len(rows))
    order = sorted(embedded, key=lambda row: rows[row][0])
    return Embedded(
        Embeddings([rows[row][0] for row in order], vectors[order]),
        unreadable,
        speech_seconds[order] if measure_speech else None,
    )


def embed_each(
    model: EmbeddingModel,
    waveforms: Sequence[NDArray[np.float32]],
    names: Sequence[str | Path],
    crops: Crops | None = None,
) -> list[NDArray[np.float32] | AudioError]:
    """For each of n waveforms, (d,) its embedding, or why it has none, by its name."""
    try:
        return list(_embed(model, waveforms, crops))
    except ModelError as error:
        if len(waveforms) == 1:
            return [AudioError(f"{names[0]}: {error}")]
    alone = (
        embed_each(model, [waveform], [name], crops)
        for waveform, name in zip(waveforms, names, strict=True)
    )
    return [result for [result] in alone]


def embed_alone(
    model: EmbeddingModel, waveform: NDArray[np.float32], name: str | Path
) -> NDArray[np.float32]:
    """(d,) the embedding of a waveform. Raises AudioError where it is zero or not finite."""
    [vector] = embed_each(model, [waveform], [name])
    if isinstance(vector, AudioError):
        raise vector
    return vector


def _embed_readable(
    model: EmbeddingModel,
    rows: Sequence["Row"],
    recordings: Sequence["_Recording"],
    crops: Crops | None,
) -> list[NDArray[np.float32] | AudioError]:
    """As ``embed_each``, of recordings of which some could not be read."""
    waveforms = [each.waveform for each in recordings]
    good = [each for each in waveforms if not isinstance(each, AudioError)]
    read = zip(rows, waveforms, strict=True)
    paths = [path for (_, path, *_), each in read if not isinstance(each, AudioError)]
    embedded = iter(embed_each(model, good, paths, crops) if good else [])
    return [each if isinstance(each, AudioError) else next(embedded) for each in waveforms]


def _embed(
    model: EmbeddingModel, waveforms: Sequence[NDArray[np.float32]], crops: Crops | None
) -> NDArray[np.float32]:
    """(n, d) embeddings of n waveforms. Raises ModelError where one is zero or not finite."""
    if crops is None:
        return model.embed(waveforms)
    pieces = [piece for waveform in waveforms for piece in crops.cut(waveform)]
    units = _unit(model.embed(pieces))
    means = units.reshape(len(waveforms), crops.count, -1).mean(axis=1)
    if not crops.whole:
        return means
    return np.concatenate([_unit(model.embed(waveforms)), means], axis=1) * np.float32(0.5**0.5)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def width(model: EmbeddingModel, crops: Crops | None) -> int:
    """Numbers in an embedding."""
    return model.embedding_size * (2 if crops is not None and crops.whole else 1)


def _seconds_embedded(duration: float, crops: Crops | None) -> float:
    if crops is None:
        return duration
    return crops.count * crops.seconds + (duration if crops.whole else 0)


Row = tuple[str, str, float, float]
"""utterance, path, start, duration"""


def _batches(rows: Sequence[Row], crops: Crops | None) -> Iterator[Sequence[Row]]:
    """Batches of at most BATCH_SECONDS, padding counted; the longest come first."""
    low = 0
    while low < len(rows):
        size = max(1, int(BATCH_SECONDS / _seconds_embedded(rows[low][3], crops)))
        yield rows[low : low + size]
        low += size


class _Recording(NamedTuple):
    """waveform: as it is embedded, or why there is none; speech_seconds: nan if not measured."""

    waveform: NDArray[np.float32] | AudioError
    speech_seconds: float = float("nan")


def _read_all(rows: Sequence[Row], *, speech_only: bool, measure_speech: bool) -> list[_Recording]:
    return [_read(row, speech_only, measure_speech) for row in rows]


def _read(row: Row, speech_only: bool, measure_speech: bool) -> _Recording:
    _, path, start, duration = row
    try:
        waveform = read_audio(path, start=start, duration=duration)
        check_speech(waveform, path)
    except AudioError as error:
        return _Recording(error)
    if not speech_only and not measure_speech:
        return _Recording(waveform)
    speech = speech_frames(waveform)
    seconds = min(len(waveform), int(speech.sum()) * FRAME) / SAMPLE_RATE
    if not speech_only:
        return _Recording(waveform, seconds)
    spoken = only_speech(waveform, speech)
    if not len(spoken):
        return _Recording(AudioError(f"{path}: {WITHOUT_SPEECH}"))
    return _Recording(spoken, seconds)

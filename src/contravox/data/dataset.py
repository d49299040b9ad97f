"""Segments cut from utterances, augmented, and gathered into batches."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from contravox.audio.storage import is_url
from contravox.audio.waveform import SAMPLE_RATE, read_audio
from contravox.augmentation.augmentation import Augmentation, AugmentationSettings
from contravox.augmentation.effects import Effects
from contravox.augmentation.first_readable import first_readable
from contravox.augmentation.noise import DrawSpeech
from contravox.augmentation.speed import change_speed, check_speeds
from contravox.data.batch import Batch
from contravox.data.pending_batch import PendingBatch
from contravox.data.sampling import SegmentRequest
from contravox.data.utterance_speech import UtteranceSpeech
from contravox.errors import AudioError
from contravox.manifest import Manifest

Placement = Literal["apart", "anywhere", "together"]
"""Where an utterance's segments lie in it: side by side without overlap, each anywhere, or all in
one place, of which they are then several views."""

READERS = 16
"""Requests to an object store that a worker waits for at the same time."""


class Segment(NamedTuple):
    """One row of a batch; ``effects`` are still to be applied to its (samples,) waveform.

    recorded: (samples,) before any effect, where that is wanted.
    """

    waveform: NDArray[np.float32]
    label: int
    utterance: int
    view: int
    effects: Effects | None
    recorded: NDArray[np.float32] | None = None


class Unreadable(NamedTuple):
    """A recording that could not be read, or holds no speech where that alone is cut, and why.

    utterance: its row in the manifest; None for a noise or a response, in place of which another
    was drawn.
    """

    utterance: int | None
    path: str
    reason: str


class SegmentDataset(Dataset[Segment]):
    """Cuts the segments that a sampler asks for. The same request gives the same samples.

    With K ``speeds`` it holds (1 + K)·n utterances: row r is utterance r % n of the manifest at
    speed number r // n, where number 0 leaves it as it is. A speaker at another speed is another
    speaker: ``labels``, ((1 + K)·n,), continue after the last class for each speed.

    labels: (n,) int, label 0, 1, ... of each utterance of ``manifest``.
    seconds: length of a segment; utterances too short for their segments are repeated.
    segments: how many are cut from an utterance at a time.
    placement: where in the utterance they lie.
    speeds: at which every utterance comes once more, such as 0.9 and 1.1.
    speech_only: cut from the speech of an utterance, joined, as if nothing else were in it; babble
    of training speakers too. See ``UtteranceSpeech``.
    augmentation: of every segment, or None.
    keep_recorded: whether a segment comes as it was before augmentation, too.

    Raises RecipeError or ManifestError where the settings do not go together or with the files that
    they name.
    """

    def __init__(
        self,
        manifest: Manifest,
        labels: NDArray[np.int64],
        *,
        seconds: float,
        segments: int = 1,
        placement: Placement = "apart",
        speeds: Sequence[float] = (),
        speech_only: bool = False,
        augmentation: AugmentationSettings | None = None,
        keep_recorded: bool = False,
    ) -> None:
        check_speeds(speeds)
        # Plain arrays: polars must not be used in a forked worker process.
        self.paths = manifest.table["path"].to_list()
        self.starts = manifest.table["start"].to_numpy()
        self.durations = manifest.table["duration"].to_numpy()
        self.speech = None
        if speech_only:
            self.speech = UtteranceSpeech(self.paths, self.starts, self.durations)
        self.speeds = (1.0, *speeds)
        self.classes = int(labels.max()) + 1
        self.labels = np.concatenate([labels + k * self.classes for k in range(len(self.speeds))])
        self.samples = round(seconds * SAMPLE_RATE)
        self.segments = segments
        self.placement = placement
        self.keep_recorded = keep_recorded
        self.augmentation = None
        self.mixed_by_workers = True
        if augmentation is not None:
            augmentation.check_views(segments)
            self.augmentation = Augmentation(augmentation)
            self.mixed_by_workers = augmentation.on == "workers"
        noises = self.augmentation.paths if self.augmentation is not None else []
        self.remote = any(is_url(path) for path in (*self.paths, *noises))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, request: SegmentRequest) -> Segment:
        return self._finished(request, self._cut(request))

    def _finished(self, request: SegmentRequest, waveform: NDArray[np.float32]) -> Segment:
        row, number, view, seed, _ = request
        effects = None
        recorded = waveform if self.keep_recorded else None
        if self.augmentation is not None:
            effects = self.augmentation.draw(
                number,
                self.samples,
                np.random.default_rng([seed, number]),
                self._speech_of_others(int(self.labels[row]) % self.classes),
            )
            if self.mixed_by_workers or effects.distorts:
                waveform, effects = effects.apply(waveform), None
        label = int(self.labels[request.labelled_by])
        return Segment(waveform, label, row, view, effects, recorded)

    def __getitems__(self, requests: Sequence[SegmentRequest]) -> list[Segment | Unreadable]:
        """The segments of a batch: how a DataLoader asks for them.

        In place of a segment that cannot be read is its utterance; noises that were passed over
        come last.
        """
        # Threads gain nothing from files, but a store takes its time over each request. They do not
        # outlive the batch: a process with threads cannot be forked safely.
        if self.remote:
            with ThreadPoolExecutor(READERS) as readers:
                read = list(readers.map(self._segment, requests))
        else:
            read = [self._segment(request) for request in requests]
        if self.augmentation is not None:
            passed = self.augmentation.passed_over()
            read += [Unreadable(None, path, reason) for path, reason in passed.items()]
        return read

    def _segment(self, request: SegmentRequest) -> Segment | Unreadable:
        try:
            waveform = self._cut(request)
        except AudioError as error:
            row = request.utterance % len(self.paths)
            return Unreadable(row, self.paths[row], str(error))
        return self._finished(request, waveform)

    def _cut(self, request: SegmentRequest) -> NDArray[np.float32]:
        """The (samples,) segment as it was recorded, or at another speed."""
        index, row = divmod(request.utterance, len(self.paths))
        speed = self.speeds[index]
        # Places are chosen in the utterance as it will sound, which a higher speed makes shorter.
        places = segment_places(
            self._seconds(row) / speed,
            self.samples / SAMPLE_RATE,
            self.segments,
            np.random.default_rng(request.seed),
            self.placement,
        )
        start, length = places[request.segment]
        if speed == 1.0:
            return self._read(row, start, length, self.samples)
        samples = int(np.ceil(length * speed * SAMPLE_RATE))
        cut = change_speed(self._read(row, start * speed, samples / SAMPLE_RATE, samples), speed)
        return _repeated(cut, self.samples)

    def _speech_of_others(self, label: int) -> DrawSpeech:
        """Draws stretches of speech of any label but ``label``, for babble."""

        def row_of_another(generator: np.random.Generator) -> int:
            row = int(generator.integers(len(self.paths)))
            # One label alone has no others: its own speech must do.
            for _ in range(20):
                if self.labels[row] != label:
                    break
                row = int(generator.integers(len(self.paths)))
            return row

        def read(row: int, generator: np.random.Generator, samples: int) -> NDArray[np.float32]:
            [(start, length)] = segment_places(
                self._seconds(row), samples / SAMPLE_RATE, 1, generator
            )
            return self._read(row, start, length, samples)

        def draw(generator: np.random.Generator, samples: int) -> NDArray[np.float32]:
            # One that cannot be read is told when a segment of its own is asked for.
            return first_readable(
                lambda: row_of_another(generator), lambda row: read(row, generator, samples)
            )

        return draw

    def _seconds(self, row: int) -> float:
        """Of an utterance, or of the speech in it, where places are chosen."""
        return self.durations[row] if self.speech is None else self.speech.seconds(row)

    def _read(self, row: int, start: float, seconds: float, samples: int) -> NDArray[np.float32]:
        """Read a place in an utterance, or in its speech, repeated or cut to ``samples``."""
        if self.speech is None:
            path = self.paths[row]
            waveform = read_audio(path, start=self.starts[row] + start, duration=seconds)
        else:
            waveform = self.speech.read(row, start, seconds)
        return _repeated(waveform, samples)


def _repeated(waveform: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    return waveform[:samples] if len(waveform) >= samples else np.resize(waveform, samples)


def segment_places(
    duration: float,
    seconds: float,
    segments: int,
    generator: np.random.Generator,
    placement: Placement = "apart",
) -> list[tuple[float, float]]:
    """Choose (start, length), in seconds, of an utterance's segments, in random order.

    Each is ``seconds`` long, or as long as the utterance allows: segments that must not overlap
    share it equally.
    """
    if placement != "apart":
        length = min(seconds, duration)
        places = 1 if placement == "together" else segments
        starts = generator.uniform(0.0, duration - length, size=places)
        return [(float(start), length) for start in np.resize(starts, segments)]
    length = min(seconds, duration / segments)
    gaps = np.sort(generator.uniform(0.0, max(duration - segments * length, 0.0), size=segments))
    starts = gaps + length * np.arange(segments)
    return [(float(start), length) for start in generator.permutation(starts)]


def collate(segments: Sequence[Segment]) -> Batch | PendingBatch:
    """Stack N segments of equal length into a batch, mixed already or not."""
    stacked = torch.from_numpy(np.stack([segment.waveform for segment in segments]))
    recorded = [segment.recorded for segment in segments if segment.recorded is not None]
    batch = Batch(
        waveforms=stacked,
        lengths=torch.full((len(segments),), stacked.shape[1]),
        labels=torch.tensor([segment.label for segment in segments]),
        utterances=torch.tensor([segment.utterance for segment in segments]),
        views=torch.tensor([segment.view for segment in segments]),
        recorded=torch.from_numpy(np.stack(recorded)) if recorded else None,
    )
    effects = [segment.effects for segment in segments]
    return PendingBatch.of(batch, effects) if any(effects) else batch

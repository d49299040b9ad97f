"""The speech in utterances, found as they are first cut and remembered by all who read."""

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from contravox.audio.speech_activity import (
    FRAME,
    WITHOUT_SPEECH,
    speech_frames,
    stretches_of_speech,
)
from contravox.audio.waveform import MAXIMUM_SECONDS, SAMPLE_RATE, read_audio
from contravox.errors import AudioError

COUNT, CHECK = 4, 4
"""Bytes of a record for the samples of its utterance, and for the checksum of what follows it."""


class UtteranceSpeech:
    """The speech of each of n utterances, joined as ``only_speech`` joins it for an embedding.

    To find it an utterance is read whole, once; from then on a segment is read from its first
    sample to its last, with the pauses between. What was found, a bit for each 32 ms, is kept in
    memory that a process shares with those that read for it.

    paths, starts, durations: (n,) of the utterances, in seconds.
    """

    def __init__(
        self, paths: Sequence[str], starts: NDArray[np.float64], durations: NDArray[np.float64]
    ) -> None:
        self.paths, self.starts, self.durations = paths, starts, durations
        # Longer ones are never read whole; one frame more for rounding.
        frames = np.minimum(durations, MAXIMUM_SECONDS) * SAMPLE_RATE // FRAME + 2
        self.ends = np.cumsum(CHECK + COUNT + np.ceil(frames / 8).astype(np.int64))
        self.records = torch.zeros(int(self.ends[-1]), dtype=torch.uint8).share_memory_()

    def seconds(self, row: int) -> float:
        """How much speech an utterance holds. Raises AudioError where that is none."""
        return float(np.diff(self._stretches(row)).sum()) / SAMPLE_RATE

    def read(self, row: int, start: float, seconds: float) -> NDArray[np.float32]:
        """(samples,) from ``start`` on in an utterance's speech joined. Raises AudioError."""
        parts = part_of_joined(
            self._stretches(row), round(start * SAMPLE_RATE), round(seconds * SAMPLE_RATE)
        )
        first, after = int(parts[0, 0]), int(parts[-1, 1])
        waveform = read_audio(
            self.paths[row],
            start=self.starts[row] + first / SAMPLE_RATE,
            # At another rate than 16 kHz rounding may take one away.
            duration=(after + 1 - first) / SAMPLE_RATE,
        )
        return np.concatenate([waveform[low:high] for low, high in parts - first])

    def _stretches(self, row: int) -> NDArray[np.int64]:
        """(k, 2) of ``stretches_of_speech``, k > 0, found or remembered. Raises AudioError."""
        record = self._record(row)
        # Two processes may find the same at the same time; half a record, or none, has another sum.
        check, found = record[:CHECK].tobytes(), record[CHECK:].tobytes()
        if zlib.crc32(found) != int.from_bytes(check, "little"):
            found = self._found(row, len(found))
            record[CHECK:] = np.frombuffer(found, np.uint8)
            record[:CHECK] = np.frombuffer(zlib.crc32(found).to_bytes(CHECK, "little"), np.uint8)
        frames = np.unpackbits(np.frombuffer(found, np.uint8, offset=COUNT)).astype(bool)
        stretches = stretches_of_speech(frames, int.from_bytes(found[:COUNT], "little"))
        if not len(stretches):
            raise AudioError(f"{self.paths[row]}: {WITHOUT_SPEECH}")
        return stretches

    def _record(self, row: int) -> NDArray[np.uint8]:
        """An utterance's own bytes."""
        # An array of NumPy's would be copied, not shared, where processes are not forked.
        return self.records.numpy()[self.ends[row - 1] if row else 0 : self.ends[row]]

    def _found(self, row: int, size: int) -> bytes:
        """Samples and frames of speech of an utterance, in so many bytes, read whole."""
        waveform = read_audio(self.paths[row], start=self.starts[row], duration=self.durations[row])
        frames = np.packbits(speech_frames(waveform)).tobytes()
        return (len(waveform).to_bytes(COUNT, "little") + frames).ljust(size, b"\0")


def part_of_joined(stretches: NDArray[np.int64], first: int, samples: int) -> NDArray[np.int64]:
    """(k, 2) of stretches (n, 2), joined, those that samples ``first`` to ``first + samples`` are.

    At least one sample, none beyond the end.
    """
    lengths = np.diff(stretches, axis=1)[:, 0]
    ends = np.cumsum(lengths)
    samples = min(max(samples, 1), int(ends[-1]))
    first = min(first, int(ends[-1]) - samples)
    inside = np.clip(np.array([[first], [first + samples]]) - (ends - lengths), 0, lengths)
    low, high = stretches[:, 0] + inside
    return np.stack([low, high], axis=1)[low < high]

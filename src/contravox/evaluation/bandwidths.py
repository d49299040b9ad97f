"""How high the speech of a trial list's recordings reaches, at which calibration may look."""

from collections.abc import Callable

import numpy as np

from contravox.audio.quality import bandwidth_of
from contravox.audio.waveform import read_audio
from contravox.embeddings import Embeddings
from contravox.manifest import Manifest
from contravox.threads import map_in_threads


def measure_bandwidths(
    manifest: Manifest, progress: Callable[[int, int], None] = lambda *_: None
) -> Embeddings:
    """(n, 1) in Hz, by the names of the utterances; see ``audio.quality``.

    progress: called with the recordings done and in all. Raises AudioError for one that cannot be
    read.
    """
    rows = manifest.table.select("path", "start", "duration").rows()

    def measured(row: tuple[str, float, float]) -> float:
        path, start, duration = row
        return bandwidth_of(read_audio(path, start=start, duration=duration))

    found = np.empty((len(rows), 1), np.float32)
    for number, bandwidth in enumerate(map_in_threads(measured, rows, workers=2, ahead=8)):
        found[number] = bandwidth
        progress(number + 1, len(rows))
    return Embeddings(manifest.table["utterance"].to_list(), found)

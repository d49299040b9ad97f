"""Utterances of a manifest to embeddings."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.audio import check_speech, read_audio
from contravox.embeddings import Embeddings
from contravox.manifest import Manifest
from contravox.model import Model

BATCH_SECONDS = 40.0
"""Audio embedded at a time: enough to keep the cores busy, few enough to stay in the caches."""


def embed_manifest(
    model: Model, manifest: Manifest, *, progress: Callable[[int, int], None] = lambda *_: None
) -> Embeddings:
    """Embed every utterance of a manifest, whole.

    Utterances of similar length are embedded together; the next are read meanwhile.

    progress: called with the numbers done and in all.

    Raises AudioError for a recording that cannot be read or trusted.
    """
    table = manifest.table.sort("duration", descending=True)
    rows = table.select("path", "start", "duration").rows()
    vectors = np.empty((len(rows), model.embedding_size), np.float32)
    done = 0
    with ThreadPoolExecutor(2) as pool:
        waveforms = _map_ahead(pool, _read, rows)
        for size in _batch_sizes([duration for *_, duration in rows]):
            vectors[done : done + size] = model.embed(list(islice(waveforms, size)))
            done += size
            progress(done, len(rows))
    order = table["utterance"].arg_sort().to_numpy()
    return Embeddings(table["utterance"].gather(pl.Series(order)).to_list(), vectors[order])


def _batch_sizes(durations: list[float]) -> Iterator[int]:
    """Sizes of batches of at most BATCH_SECONDS, padding counted; the longest come first."""
    low = 0
    while low < len(durations):
        size = max(1, int(BATCH_SECONDS / durations[low]))
        size = min(size, len(durations) - low)
        yield size
        low += size


def _map_ahead(
    pool: ThreadPoolExecutor,
    function: Callable[[tuple[str, float, float]], NDArray[np.float32]],
    rows: list[tuple[str, float, float]],
    ahead: int = 64,
) -> Iterator[NDArray[np.float32]]:
    """Like ``pool.map``, but at most ``ahead`` results wait in memory."""
    waiting: deque[Future[NDArray[np.float32]]] = deque()
    for row in rows:
        waiting.append(pool.submit(function, row))
        if len(waiting) == ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _read(row: tuple[str, float, float]) -> NDArray[np.float32]:
    path, start, duration = row
    waveform = read_audio(path, start=start, duration=duration)
    check_speech(waveform, path)
    return waveform

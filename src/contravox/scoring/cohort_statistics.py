"""Mean and deviation of scores against a cohort, or the members of it that score highest.

Scores are the inner products of vectors, taken in blocks of rows and of members, so that a cohort
of any size takes no more memory than its vectors and a few blocks.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from contravox.scoring.inner_products import BLOCK

Progress = Callable[[int], None]
"""Called with how many more rows are done."""

MEMBERS = 2**13
"""Members of a cohort whose scores are held at once: with more, blocks would have too few rows for
products to be quick."""

Scores = Iterator[tuple[int, NDArray[np.float32]]]
"""Scores (b, m) of b rows with one part of the members after another, and the first one's place."""


class Statistics(NamedTuple):
    """means, deviations: (k,) float32, of scores against members of a cohort."""

    means: NDArray[np.float32]
    deviations: NDArray[np.float32]

    @classmethod
    def empty(cls, count: int) -> "Statistics":
        """Room for so many."""
        return cls(np.empty(count, np.float32), np.empty(count, np.float32))

    def write(
        self,
        places: slice | NDArray[np.integer],
        means: NDArray[np.float32],
        squares: NDArray[np.float32],
        count: int,
    ) -> None:
        """Write down those of the ``places`` (b,).

        means: (b,); squares: (b,), the sums of squares around them, of so many scores each.
        """
        self.means[places], self.deviations[places] = means, np.sqrt(squares / count)

    def of(self, places: NDArray[np.integer]) -> "Statistics":
        """Those at the places (k,)."""
        return Statistics(self.means[places], self.deviations[places])


def own_statistics(
    vectors: NDArray[np.float32],
    rows: NDArray[np.integer],
    members: NDArray[np.float32],
    top: int,
    progress: Progress,
) -> Statistics:
    """Statistics of each of the ``rows`` (r,) against the ``top`` members that score highest.

    vectors: (n, w). rows: of these, each once. members: (c, w), of which ``top`` may be all.
    """
    statistics = Statistics.empty(len(rows))

    def measure(scores: Scores, block: slice) -> None:
        adaptive = top < len(members)
        sums = _sums(_highest(scores, top)) if adaptive else _sums_of_all(scores)
        statistics.write(block, *sums, top)

    _share_out(measure, vectors, rows, members, progress, held=top if top < len(members) else 0)
    return statistics


def closest_members(
    vectors: NDArray[np.float32],
    rows: NDArray[np.integer],
    members: NDArray[np.float32],
    top: int,
    progress: Progress,
) -> NDArray[np.unsignedinteger]:
    """The ``top`` members that score highest with each of the ``rows`` (r,), in no order: (r, top).

    Arguments as of ``own_statistics``.
    """
    chosen = np.empty((len(rows), top), np.min_scalar_type(len(members)))

    def choose(scores: Scores, block: slice) -> None:
        held = np.empty((block.stop - block.start, 0), np.float32)
        places = np.empty(held.shape, chosen.dtype)
        for start, more in scores:
            numbers = np.arange(start, start + more.shape[1], dtype=chosen.dtype)
            held = np.concatenate([held, more], axis=1)
            places = np.concatenate([places, np.broadcast_to(numbers, more.shape)], axis=1)
            lowest = held.shape[1] - top
            if lowest > 0:
                kept = np.argpartition(held, lowest, axis=1)[:, lowest:]
                held = np.take_along_axis(held, kept, axis=1)
                places = np.take_along_axis(places, kept, axis=1)
        chosen[block] = places

    _share_out(choose, vectors, rows, members, progress, held=top)
    return chosen


def cross_statistics(
    vectors: NDArray[np.float32],
    named: NDArray[np.integer],
    members: NDArray[np.float32],
    chosen: NDArray[np.unsignedinteger],
    choices: NDArray[np.int64],
    progress: Progress,
) -> Statistics:
    """Statistics for each trial of one side against the members chosen by its other side.

    vectors: (n, w). named: (k,) the row of these in each trial. members: (c, w). chosen: (r, top)
    members, as ``closest_members`` gives them. choices: (k,) the row of ``chosen`` for each trial.
    """
    statistics = Statistics.empty(len(named))
    order = np.argsort(named, kind="stable")
    rows, places = np.unique(named[order], return_inverse=True)
    starts = np.searchsorted(places, np.arange(len(rows) + 1))
    size = max(1, BLOCK // (8 * chosen.shape[1]))

    def measure(scores: Scores, block: slice) -> None:
        [(_, of_all)] = scores
        for start in range(starts[block.start], starts[block.stop], size):
            part = slice(start, min(start + size, starts[block.stop]))
            cells = ((places[part] - block.start) * len(members))[:, None]
            gathered = of_all.ravel().take(cells + chosen[choices[order[part]]])
            statistics.write(order[part], *_sums(gathered), gathered.shape[1])

    # A trial's members may be anywhere in the cohort, so that all are held for a row.
    _share_out(measure, vectors, rows, members, progress, at_once=len(members))
    return statistics


def _highest(scores: Scores, top: int) -> NDArray[np.float32]:
    """The ``top`` scores of each row, (b, top), in no order."""
    _, held = next(scores)
    while True:
        lowest = held.shape[1] - top
        if lowest > 0:
            held.partition(lowest, axis=1)
            held = held[:, lowest:]
        more = next(scores, None)
        if more is None:
            return held
        held = np.concatenate([held, more[1]], axis=1)


def _sums(scores: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean of scores (b, m), and the sum of squares around it, (b,) each."""
    means = scores.mean(axis=1)
    # In two passes: the difference of squares would lose the digits that matter.
    around = scores - means[:, None]
    return means, np.einsum("bm,bm->b", around, around)


def _sums_of_all(scores: Scores) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """As ``_sums``, of scores that come one part after another (Chan et al. 1983)."""
    means, squares = _sums(next(scores)[1])
    for start, more in scores:
        of_more, around = _sums(more)
        count = start + more.shape[1]
        apart = of_more - means
        means += apart * (more.shape[1] / count)
        squares += around + apart**2 * (start * more.shape[1] / count)
    return means, squares


def _share_out(
    work: Callable[[Scores, slice], None],
    vectors: NDArray[np.float32],
    rows: NDArray[np.integer],
    members: NDArray[np.float32],
    progress: Progress,
    *,
    held: int = 0,
    at_once: int | None = None,
) -> None:
    """Give the scores of rows against all members to ``work``, with their slice of ``rows``.

    As many blocks are at work at once as matrix products would have threads, each with one: what
    follows a product takes longer, and would share the cores with threads that wait for the next.

    held: scores of a row that ``work`` keeps. at_once: members that it gets at once.
    """
    at_once = min(len(members), at_once or MEMBERS)
    size = max(1, BLOCK // max(at_once, held))
    blocks = [slice(start, min(start + size, len(rows))) for start in range(0, len(rows), size)]

    def score(block: slice) -> None:
        of_block = vectors[rows[block]]
        starts = range(0, len(members), at_once)
        work(((start, of_block @ members[start : start + at_once].T) for start in starts), block)

    libraries = ThreadpoolController().select(user_api="blas")
    count = max((library["num_threads"] for library in libraries.info()), default=1)
    with libraries.limit(limits=1), ThreadPoolExecutor(count) as threads:
        for block, _ in zip(blocks, threads.map(score, blocks), strict=True):
            progress(block.stop - block.start)

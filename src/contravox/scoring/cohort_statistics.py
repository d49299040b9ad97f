"""Mean and deviation of scores against a cohort, or the members of it that score highest.

Scores are the inner products of vectors, taken in blocks.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from contravox.scoring.inner_products import BLOCK

Progress = Callable[[int], None]
"""Called with how many more rows are done."""


class Statistics(NamedTuple):
    """means, deviations: (k,) float32, of scores against members of a cohort."""

    means: NDArray[np.float32]
    deviations: NDArray[np.float32]

    def of(self, places: NDArray[np.int64]) -> "Statistics":
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
    statistics, lowest = _empty(len(rows)), len(members) - top

    def measure(scores: NDArray[np.float32], block: slice) -> None:
        if lowest:
            scores.partition(lowest, axis=1)
        _measure(scores[:, lowest:], statistics, block)

    _share_out(measure, vectors, rows, members, progress)
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
    lowest = len(members) - top

    def choose(scores: NDArray[np.float32], block: slice) -> None:
        # Where all are chosen there is no lowest place to partition at.
        ascending = np.argpartition(scores, min(lowest, len(members) - 1), axis=1)
        chosen[block] = ascending[:, lowest:]

    _share_out(choose, vectors, rows, members, progress)
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
    statistics = _empty(len(named))
    order = np.argsort(named, kind="stable")
    rows, places = np.unique(named[order], return_inverse=True)
    starts = np.searchsorted(places, np.arange(len(rows) + 1))
    size = max(1, BLOCK // (8 * chosen.shape[1]))

    def measure(scores: NDArray[np.float32], block: slice) -> None:
        for start in range(starts[block.start], starts[block.stop], size):
            part = slice(start, min(start + size, starts[block.stop]))
            cells = ((places[part] - block.start) * len(members))[:, None]
            gathered = scores.ravel().take(cells + chosen[choices[order[part]]])
            _measure(gathered, statistics, order[part])

    _share_out(measure, vectors, rows, members, progress)
    return statistics


def _empty(count: int) -> Statistics:
    return Statistics(np.empty(count, np.float32), np.empty(count, np.float32))


def _measure(
    scores: NDArray[np.float32], statistics: Statistics, at: slice | NDArray[np.int64]
) -> None:
    """Write the statistics of scores (r, top) down, for the rows or trials ``at``."""
    means = scores.mean(axis=1)
    # In two passes: the difference of squares would lose the digits that matter.
    around = scores - means[:, None]
    statistics.means[at] = means
    statistics.deviations[at] = np.sqrt(np.einsum("kt,kt->k", around, around) / scores.shape[1])


def _share_out(
    work: Callable[[NDArray[np.float32], slice], None],
    vectors: NDArray[np.float32],
    rows: NDArray[np.integer],
    members: NDArray[np.float32],
    progress: Progress,
) -> None:
    """Give the scores of rows against all members to ``work``, with their slice of ``rows``.

    As many blocks are at work at once as matrix products would have threads, each with one: what
    follows a product takes longer, and would share the cores with threads that wait for the next.
    """
    size = max(1, BLOCK // len(members))
    blocks = [slice(start, min(start + size, len(rows))) for start in range(0, len(rows), size)]

    def score(block: slice) -> None:
        work(vectors[rows[block]] @ members.T, block)

    libraries = ThreadpoolController().select(user_api="blas")
    count = max((library["num_threads"] for library in libraries.info()), default=1)
    with libraries.limit(limits=1), ThreadPoolExecutor(count) as threads:
        for block, _ in zip(blocks, threads.map(score, blocks), strict=True):
            progress(block.stop - block.start)

"""Many small jobs at once, such as reading a header or running a program."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

READERS = 8
"""Threads that read files: more than cores, because a disk answers several at once."""

AHEAD = 16
"""Jobs waiting for each thread: a million at once would take a gigabyte."""


def map_in_threads(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int = READERS,
    ahead: int = AHEAD,
) -> Iterator[Result]:
    """Results in the order of ``items``. An interrupt drops the jobs that have not begun.

    ahead: jobs for each worker that are done or waiting before their results are asked for.
    """
    waiting = iter(items)
    pool = ThreadPoolExecutor(workers)
    try:
        running: deque[Future[Result]] = deque(
            pool.submit(function, item) for item in islice(waiting, ahead * workers)
        )
        while running:
            result = running.popleft().result()
            running.extend(pool.submit(function, item) for item in islice(waiting, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)

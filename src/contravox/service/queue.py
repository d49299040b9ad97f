"""Requests take turns: some are worked on, some wait, the rest is refused at once.

Each is worked on by one thread, on one core: the model's runtime lets other threads of Python run
meanwhile. Several recordings in one run of the model were measured not to be faster on a CPU, and
padding to the longest of them is lost work (docs/service.md).
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from contravox.service.limits import Limits
from contravox.service.refusals import RefusedError

Result = TypeVar("Result")

LONGEST_WAIT = 60
"""Seconds that a client is told to wait at most."""

MEMORY = 0.1
"""Weight of the last request in the mean by which the wait is told."""


class Queue:
    """inside: requests that have a place: that arrive, wait, or are worked on."""

    def __init__(self, limits: Limits) -> None:
        self.at_work = limits.at_work
        self.places = limits.at_work + limits.queue
        self.inside = 0
        self._seconds = 0.1
        self._turns = asyncio.Semaphore(limits.at_work)
        self._threads = ThreadPoolExecutor(limits.at_work, "contravox")

    @property
    def is_free(self) -> bool:
        """Whether what is asked for now is begun at once."""
        return not self._turns.locked()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place. Raises RefusedError, with the seconds to wait, where there is none."""
        if self.inside >= self.places:
            raise RefusedError(429, "busy", "too many requests wait: try again", self.wait())
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    def wait(self) -> int:
        """Seconds until those inside will be done, as the last ones went."""
        seconds = self.inside * self._seconds / self.at_work
        return max(1, min(LONGEST_WAIT, math.ceil(seconds)))

    async def work(self, job: Callable[[], Result]) -> Result:
        """Do it, when its turn comes."""
        async with self._turns:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._timed, job)

    def _timed(self, job: Callable[[], Result]) -> Result:
        began = time.perf_counter()
        try:
            return job()
        finally:
            self._seconds += MEMORY * (time.perf_counter() - began - self._seconds)

    def close(self) -> None:
        """Wait for what is worked on."""
        self._threads.shutdown(cancel_futures=True)

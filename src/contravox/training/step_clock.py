"""What the time of a step goes into."""

import time


class StepClock:
    """Tells how long a step takes, and how much of that is waiting for its batch.

    A GPU is waited for in every step, where losses are read from it.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A step begins: the next batch is asked for."""
        self.begun = self.read = time.perf_counter()

    def batch_read(self) -> None:
        """The batch has come."""
        self.read = time.perf_counter()

    def times(self) -> dict[str, float]:
        """seconds: since the step began. waiting: the share of them, 0 to 1, until its batch."""
        seconds = time.perf_counter() - self.begun
        waiting = (self.read - self.begun) / seconds if seconds else 0.0
        return {"seconds": round(seconds, 6), "waiting": round(waiting, 4)}

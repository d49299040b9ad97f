"""Time and peak memory of work done once, from files to files, in a process of its own."""

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path


@dataclass
class Stopwatch:
    """seconds: of each part of the work, by name, in order; processor_seconds: of all threads."""

    seconds: dict[str, float] = field(default_factory=dict)
    processor_seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)
    used: float = field(default_factory=time.process_time)

    def part(self, name: str) -> None:
        """End the part called so; the next one begins."""
        now, used = time.perf_counter(), time.process_time()
        self.seconds[name], self.processor_seconds[name] = now - self.started, used - self.used
        self.started, self.used = now, used


Work = Callable[[Path, Stopwatch], None]
"""Does its work on the files of a folder, and says when each part ends."""


@dataclass(frozen=True)
class Run:
    """What a process took.

    seconds: of each part; processor_seconds: of all threads together, which tells more where
    others are at work too; peak_bytes: the most memory held, the interpreter's with it.
    """

    seconds: dict[str, float]
    processor_seconds: float
    peak_bytes: int
    processor_seconds_of_parts: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def run_once(work: Work, folder: Path, *, threads: int) -> Run:
    """Do the work in a fresh process; loading libraries is not timed. Raises RuntimeError."""
    # Libraries read these when they are loaded, which the process does anew.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ[name] = str(threads)
    spawning = multiprocessing.get_context("spawn")
    connection, other_end = spawning.Pipe()
    process = spawning.Process(target=_serve, args=(other_end, work, folder))
    process.start()
    # The process alone holds its end, so that its death is the end of what it says.
    other_end.close()
    try:
        return connection.recv()
    except EOFError:
        raise RuntimeError(f"{work} failed: see above") from None
    finally:
        process.join()


def _serve(connection: Connection, work: Work, folder: Path) -> None:
    started, watch = time.process_time(), Stopwatch()
    work(folder, watch)
    processor_seconds = time.process_time() - started
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    connection.send(Run(watch.seconds, processor_seconds, peak, watch.processor_seconds))

"""Pieces per second of loaders that take turns, each in a process of its own.

As ``measure.py`` for work that starts processes itself, which the daemons of that module must not.
Everyone has the settings of ``contravox.commands.cpu``, of which ``loading.py`` makes those that
have to be in the environment before PyTorch is imported.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection

import torch

from contravox.commands.cpu import tune_process

Load = Callable[[], int]
"""Loads everything once; how many pieces that were."""
Open = Callable[[], Load]
"""Gets a loader ready, in the process where it will load."""


@dataclass(frozen=True)
class Rate:
    """Pieces per second of each turn, and milliseconds of all processors for a piece."""

    turns: tuple[float, ...]
    processor: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        return statistics.median(self.turns)

    @property
    def best(self) -> float:
        return max(self.turns)


def rates_in_turns(
    contestants: Mapping[str, Open],
    *,
    threads: int,
    repeats: int,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> dict[str, Rate]:
    """Let every contestant load everything once to warm up, then in so many turns.

    Raises RuntimeError where one fails.
    """
    spawning = multiprocessing.get_context("spawn")
    ends: dict[str, Connection] = {}
    for name, open_loader in contestants.items():
        ends[name], other_end = spawning.Pipe()
        process = spawning.Process(target=_serve, args=(other_end, open_loader, threads))
        process.start()
        # The process alone holds its end, so that its death is the end of what it says.
        other_end.close()
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    try:
        for turn in range(repeats + 1):
            for number, (name, connection) in enumerate(ends.items()):
                progress(turn * len(ends) + number, (repeats + 1) * len(ends), name)
                connection.send(True)
                try:
                    measured = connection.recv()
                except EOFError:
                    raise RuntimeError(f"{name} failed: see above") from None
                if turn:
                    turns[name].append(measured)
    finally:
        for connection in ends.values():
            connection.close()
    return {name: Rate(*zip(*measured, strict=True)) for name, measured in turns.items()}


def _serve(connection: Connection, open_loader: Open, threads: int) -> None:
    """Answer every message with the figures of a turn; end when nobody is there any more."""
    # A spawned process would spawn its own; a DataLoader forks unless told otherwise.
    multiprocessing.set_start_method("fork", force=True)
    tune_process()
    torch.set_num_threads(threads)
    load = open_loader()
    while True:
        try:
            connection.recv()
        except (EOFError, OSError):
            return
        start, used = time.perf_counter(), _processor_seconds()
        pieces = load()
        seconds = time.perf_counter() - start
        connection.send((pieces / seconds, 1000 * (_processor_seconds() - used) / pieces))


def _processor_seconds() -> float:
    """Of this process and of its workers that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system

"""Time and memory of one step, forward and backward, of losses that take turns.

Every contestant lives in a process of its own, so that none finds memory that another has warmed
or spoilt, and they take turns on the same machine, so that what else it does hits them all alike.

All run as PyTorch comes, without the settings of ``contravox.commands.cpu``: those keep freed
memory mapped, which speeds up whoever frees much and blurs what a step takes. Set as environment
variables (GOMP_SPINCOUNT, MALLOC_MMAP_MAX_ and its like) they reach every contestant.

Memory is the most that a step held above what the process held just before the first step on these
inputs: on a CPU resident memory, of which Linux keeps the peak, on a GPU what PyTorch allocated.
Time ends when the device has finished.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch import Tensor

Loss = Callable[..., Tensor | None]
"""From inputs to the loss; or None for work that is timed without one."""
MakeInputs = Callable[[int], tuple[Tensor, ...]]
"""From the number of segments in the batch to the inputs, on the default device."""

TURN_SECONDS = 0.25
"""A turn goes on so long, whatever the step takes: the other processes' threads need a moment to
fall asleep, and short steps to repeat."""
PATIENCE_SECONDS = 20.0
"""A contestant that has taken so long in all has no more turns."""
SMALL_SIZE = 64
"""Size of the first step of all, which loads libraries and starts threads."""


@dataclass(frozen=True)
class Measurement:
    """What a contestant's steps took, and what they gave.

    A contestant's steps: seconds, the median of each turn; extra_bytes, the peak of memory;
    loss and gradient, its value and the length of its gradient, None for work without a loss.
    """

    seconds: tuple[float, ...]
    extra_bytes: int
    loss: float | None
    gradient: float | None

    @property
    def median(self) -> float:
        """Seconds of a step: the median over turns."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Failure:
    """Why there is no measurement."""

    reason: str


Result = Measurement | Failure


def measure_in_turns(
    losses: Mapping[str, Loss],
    make_inputs: MakeInputs,
    size: int,
    *,
    device: str,
    threads: int,
    repeats: int,
) -> dict[str, Result]:
    """Measure every loss on its own copy of the same inputs, in so many turns each."""
    contestants = {
        name: _Contestant(loss, make_inputs, size, device, threads) for name, loss in losses.items()
    }
    try:
        for _ in range(repeats):
            for contestant in contestants.values():
                if contestant.seconds < PATIENCE_SECONDS:
                    contestant.take_turn()
        return {name: contestant.result() for name, contestant in contestants.items()}
    finally:
        for contestant in contestants.values():
            contestant.stop()


@dataclass(frozen=True)
class _Turn:
    """What a process tells after a turn."""

    seconds: float
    extra_bytes: int
    loss: float | None
    gradient: float | None


class _Contestant:
    """A loss in its process, which is ready once this is made."""

    def __init__(
        self, loss: Loss, make_inputs: MakeInputs, size: int, device: str, threads: int
    ) -> None:
        spawning = multiprocessing.get_context("spawn")
        self.connection, other_end = spawning.Pipe()
        self.process = spawning.Process(
            target=_serve, args=(other_end, loss, make_inputs, size, device, threads), daemon=True
        )
        self.process.start()
        # The process alone holds its end, so that its death is the end of what it says.
        other_end.close()
        self.turns: list[_Turn] = []
        self.failure: Failure | None = None
        self._receive()

    @property
    def seconds(self) -> float:
        """Steps of all turns so far, one of each."""
        return sum(turn.seconds for turn in self.turns)

    def take_turn(self) -> None:
        """Let the process take a turn, and wait until it has."""
        if self.failure is None:
            self._send(True)
            turn = self._receive()
            if turn is not None:
                self.turns.append(turn)

    def stop(self) -> None:
        """Let the process end, and wait until it has."""
        self._send(False)
        self.process.join()

    def result(self) -> Result:
        """All turns as one."""
        if self.failure is not None:
            return self.failure
        last = self.turns[-1]
        seconds = tuple(turn.seconds for turn in self.turns)
        return Measurement(seconds, last.extra_bytes, last.loss, last.gradient)

    def _send(self, another_turn: bool) -> None:
        # Whether the process still lives is for the answer to tell.
        with suppress(ConnectionError):
            self.connection.send(another_turn)

    def _receive(self) -> _Turn | None:
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            answer = Failure(f"ended with status {self.process.exitcode}")
        if isinstance(answer, Failure):
            self.failure = answer
            return None
        return answer


def _serve(
    connection: Connection,
    loss: Loss,
    make_inputs: MakeInputs,
    size: int,
    device: str,
    threads: int,
) -> None:
    """Say None when warm, then answer every True with a turn; end at False."""
    try:
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        with torch.device(device):
            small_inputs = make_inputs(SMALL_SIZE)
            inputs = make_inputs(size)
        _step(loss, small_inputs, device)
        before = _held_bytes(device)
        _step(loss, inputs, device)
        _forget_peak(device)
        connection.send(None)
        while connection.recv():
            steps: list[float] = []
            while sum(steps) < TURN_SECONDS:
                start = time.perf_counter()
                value = _step(loss, inputs, device)
                steps.append(time.perf_counter() - start)
            extra = _peak_bytes(device) - before
            number = None if value is None else value.item()
            turn = _Turn(statistics.median(steps), extra, number, _gradient_length(inputs))
            if device == "cuda":
                # The others need what this process keeps for its next step.
                torch.cuda.empty_cache()
            connection.send(turn)
    except torch.cuda.OutOfMemoryError:
        connection.send(Failure("out of memory"))


def _step(loss: Loss, inputs: tuple[Tensor, ...], device: str) -> Tensor | None:
    """The loss and the gradients of the inputs, all computed when this returns."""
    for tensor in inputs:
        tensor.grad = None
    value = loss(*inputs)
    if value is not None:
        value.backward()
    if device == "cuda":
        torch.cuda.synchronize()
    return None if value is None else value.detach()


def _gradient_length(inputs: tuple[Tensor, ...]) -> float | None:
    """Length of all the inputs' gradients as one vector."""
    gradients = [tensor.grad.norm() for tensor in inputs if tensor.grad is not None]
    return torch.stack(gradients).norm().item() if gradients else None


def _held_bytes(device: str) -> int:
    """What the process holds now."""
    return torch.cuda.memory_allocated() if device == "cuda" else _resident_bytes("VmRSS")


def _peak_bytes(device: str) -> int:
    """The most it held since the peak was forgotten."""
    return torch.cuda.max_memory_allocated() if device == "cuda" else _resident_bytes("VmHWM")


def _forget_peak(device: str) -> None:
    """Let the peak start from what is held now.

    The peak that getrusage reports starts from the parent's, before the process was its own.
    """
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")


def _resident_bytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))

"""Asked to stop between two steps, never in the middle of one."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from contravox.terminal.stopping import STOPPING, Stopped

ONCE = 2.0
"""Seconds in which Ctrl-C counts once: torchrun hands on what the terminal sent to all."""


class Interrupt:
    """number: of the signal that asked to stop; None where none did."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.first = 0.0

    @property
    def asked(self) -> bool:
        """Whether to stop after this step."""
        return self.number is not None

    def error(self) -> Stopped:
        """What to raise then."""
        # Another process may be the one that was asked.
        return Stopped(number=signal.SIGINT if self.number is None else self.number)

    def note(self, number: int, frame: FrameType | None) -> None:
        """Note a signal. Raises Stopped at a second Ctrl-C."""
        if self.number is None:
            self.number, self.first = number, time.monotonic()
        elif number == signal.SIGINT and time.monotonic() > self.first + ONCE:
            raise Stopped


@contextmanager
def deferred_interrupt() -> Iterator[Interrupt]:
    """Note Ctrl-C and the signals of ``STOPPING`` instead of raising; a second Ctrl-C raises."""
    interrupt = Interrupt()
    # Only the main thread may set handlers; elsewhere nobody presses Ctrl-C.
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {}
    for number in (signal.SIGINT, *STOPPING):
        # What the user ignores, as `nohup` does, stays ignored; but a shell's `&` ignores Ctrl-C.
        if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, interrupt.note)
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held_for_workers() -> Iterator[None]:
    """Hold signals back while reading processes are started, which hold them until they are ready.

    PyTorch gives them handlers of its own first, and what a scheduler sends to all processes just
    then would end them, and with them the training, without a checkpoint.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *STOPPING))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_interrupts(worker: int) -> None:
    """For reading processes: signals reach them too, but the trainer is who ends them.

    What they have to say the trainer raises; their threads print nothing once it is gone.
    """
    sys.excepthook = lambda *_: None
    for number in (signal.SIGINT, *STOPPING):
        signal.signal(number, signal.SIG_IGN)

    def then_end(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)

    # A scheduler sends it to all processes, and the trainer itself to a reader that hangs.
    signal.signal(signal.SIGTERM, then_end)
    # Held since ``held_for_workers``.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, *STOPPING))

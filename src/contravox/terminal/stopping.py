"""Being asked to stop: by Ctrl-C, by a scheduler's SIGTERM, by a terminal that closes."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGHUP)
"""What asks to stop beside Ctrl-C. Slurm and Kubernetes send the first some time before SIGKILL."""


class Stopped(KeyboardInterrupt):
    """Asked to stop by a signal; what ends well at Ctrl-C ends as well at the others.

    text: for people, in one line. number: of the signal, as shells add it to 128 for the status.
    """

    def __init__(self, text: str = "stopped", number: int = signal.SIGINT) -> None:
        super().__init__(text)
        self.status = 128 + number

    @classmethod
    def by(cls, error: KeyboardInterrupt, text: str) -> "Stopped":
        """Of the same signal, with another text."""
        stopped = cls(text)
        stopped.status = status_of(error)
        return stopped


def status_of(error: KeyboardInterrupt) -> int:
    """The exit status that tells which signal it was."""
    return error.status if isinstance(error, Stopped) else 128 + signal.SIGINT


@contextmanager
def stopping_signals() -> Iterator[None]:
    """Raise ``Stopped`` at the signals of ``STOPPING``, which would end the process at once.

    A signal that the user ignores, as by `nohup`, stays ignored.
    """
    before = {}
    # Only the main thread may set handlers.
    if threading.current_thread() is threading.main_thread():
        for number in STOPPING:
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def goes_on(how: str) -> Iterator[None]:
    """Where the work is stopped, say how it goes on."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Stopped.by(error, f"stopped: {how}") from None


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number=number)

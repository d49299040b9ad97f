"""Another recording where the one that was drawn cannot be read."""

from collections.abc import Callable
from typing import TypeVar

from contravox.errors import AudioError

TRIES = 10
"""Recordings that are drawn before it is believed that none can be read."""

Recording = TypeVar("Recording")
Read = TypeVar("Read")


def first_readable(
    draw: Callable[[], Recording],
    read: Callable[[Recording], Read],
    note: Callable[[Recording, AudioError], None] = lambda *_: None,
) -> Read:
    """What is read of the first recording drawn that can be.

    note: called with each that cannot, and why. Raises AudioError where that is true of all of
    ``TRIES``.
    """
    for _ in range(TRIES):
        recording = draw()
        try:
            return read(recording)
        except AudioError as error:
            note(recording, error)
            last = error
    raise last

"""What is said to people: it can be printed on any terminal, whatever names are in it."""

import os
import sys
from contextlib import suppress

LONGEST = 400
"""Characters of a message: more is not read, and a name may have a million."""


def printable(text: str) -> str:
    """``text`` with what a terminal would obey, or could not show, written as an escape.

    Names and keys may hold colours, line breaks and marks that turn the direction of reading.
    """
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def note(text: str) -> None:
    """Print a line of bearable length on the error stream. Nobody need be there to read it."""
    line = printable(" ".join(text.split()))
    if len(line) > LONGEST:
        # The beginning names the place, the end the mend.
        line = f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def tell(*lines: str) -> None:
    """Print lines of the result, on the output."""
    for line in lines:
        print(printable(line))


def prepare_streams() -> None:
    """Let the streams take any text, and be there.

    A terminal of another encoding, or a closed stream, must not end hours of work with an error.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # Or the next file to be opened would be taken for the stream.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if number else "r"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

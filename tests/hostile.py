"""What a reader of a user's file may do with any bytes: give a value, or one line of error."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from contravox.errors import ContravoxError

BEARABLE = 400
"""Characters of a message, its path apart."""


def value_or_line(read: Callable[[Path], Any], path: Path, data: bytes) -> Any:
    """What ``read`` makes of a file of ``data``; None where it gives one line of bearable length.

    Any other exception is a failure.
    """
    path.write_bytes(data)
    try:
        return read(path)
    except ContravoxError as error:
        message = str(error)
    assert str(path) in message
    assert len(message.replace(str(path), "")) < BEARABLE
    assert len(message.splitlines()) == 1
    return None


def mutations(valid: bytes) -> st.SearchStrategy[bytes]:
    """The file with a few of its bytes removed, replaced or put in, or cut short."""
    pieces = st.one_of(st.binary(max_size=4), st.sampled_from([b'"', b"\t", b"\n", b"\r", b"\0"]))
    change = st.tuples(st.integers(0, len(valid)), st.integers(0, 4), pieces)

    def changed(changes: list[tuple[int, int, bytes]]) -> bytes:
        data = valid
        for place, removed, put in changes:
            data = data[:place] + put + data[place + removed :]
        return data

    cut = st.integers(0, len(valid)).map(lambda end: valid[:end])
    return st.one_of(st.lists(change, min_size=1, max_size=4).map(changed), cut)

"""What libsndfile does not look at in a container: a size never filled in, a second recording."""

import re
import struct
from itertools import islice
from mmap import mmap

_RIFF = struct.Struct("<4sI")

_OGG_PAGE = re.compile(rb"OggS\x00(.)", re.DOTALL)
_BEGINS = 2
"""Bit of an Ogg page's flags: the first of a stream."""

_HEADERS = {
    # A FLAC file's first block, of 34 bytes, which may be its last as well.
    "FLAC": re.compile(rb"fLaC[\x00\x80]\x00\x00\x22"),
    # What encoders write into the first frame of an MP3 file, with flags of what it tells.
    "MP3": re.compile(rb"(?:Xing|Info)\x00\x00\x00[\x01-\x0f]"),
    "AU": re.compile(rb"\.snd\x00\x00"),
    "W64": re.compile(rb"riff\x2e\x91\xcf\x11"),
    "CAF": re.compile(rb"caff\x00\x01\x00"),
    "NIST": re.compile(rb"NIST_1A\n"),
}
"""What begins a recording, once in a file, by libsndfile's name of the format."""


def unfinished_wav(data: bytes) -> bytes | None:
    """A WAV file whose recorder was stopped before it wrote the size of the samples, mended.

    The size is 0 there, and samples follow all the same. Returns the file with the size that says
    that it is not known, by which libsndfile reads to the end of the file; None where the file is
    another, or has no samples indeed.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    place = 12
    while place + 8 <= len(data):
        name, size = _RIFF.unpack_from(data, place)
        if name == b"data":
            begin = place + 8
            if size or _whole_chunks(data, begin):
                return None
            return data[: begin - 4] + b"\xff\xff\xff\xff" + data[begin:]
        place += 8 + size + size % 2
    return None


def _whole_chunks(data: bytes, place: int) -> bool:
    """Whether nothing but further chunks lies from a place to the end."""
    while place + 8 <= len(data):
        name, size = _RIFF.unpack_from(data, place)
        if not name.isascii() or not name.decode("ascii").isprintable():
            return False
        place += 8 + size + size % 2
    return place >= len(data) and place <= len(data) + 1


def holds_another(data: bytes | mmap, kind: str) -> bool:
    """Whether a file holds a second recording after the first, of which libsndfile reads none.

    kind: libsndfile's name of the format.
    """
    if kind == "OGG":
        began = False
        for page in _OGG_PAGE.finditer(data):
            begins = bool(page[1][0] & _BEGINS)
            if begins and began:
                return True
            began = began or not begins
        return False
    header = _HEADERS.get(kind)
    return header is not None and len(list(islice(header.finditer(data), 2))) > 1

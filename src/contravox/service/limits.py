"""How much a client may ask of the service at once."""

import os
from dataclasses import dataclass, field

MEGABYTE = 2**20

MOST_FIELDS = 16
"""Of a form, files apart."""

LONGEST_FIELD = 16_384
"""Bytes of a field of a form: names of 10 kB are still refused as names."""

UPLOAD_SECONDS = 60.0
"""In which a body must have arrived: until then it takes a place in the queue."""


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Limits:
    """Of one process.

    longest: seconds of a recording. largest: bytes of the body of a request. most_recordings: in
    one enrolment. at_work: requests that are worked on at the same time, each on one core. queue:
    requests that may wait or arrive meanwhile; all beyond are refused. listeners: of whom each is
    heard while they speak.
    """

    longest: float = 120.0
    largest: int = 32 * MEGABYTE
    most_recordings: int = 20
    at_work: int = field(default_factory=_cores)
    queue: int = 32
    listeners: int = 16

"""What the service writes down: a line of JSON an event, on the output.

A request's line has its route, never its path or its fields, which hold names. What goes wrong
unforeseen is told by its kind and place in the code: its text could hold anything.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

LOGGER = logging.getLogger("contravox.service")


LEVELS = {
    LOGGER.name: logging.INFO,
    # It would tell the addresses of WebSockets, which hold names.
    "uvicorn.error": logging.WARNING,
    "asyncio": logging.WARNING,
}
"""From which level on what is written down, by the name of the logger."""


def log(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Write an event down."""
    LOGGER.log(level, event, extra={"fields": fields})


def place_of(error: BaseException) -> str:
    """The kind of an error and the places in the code that it came through."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = (f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {' < '.join(reversed(list(places)))}"


class JsonLines(logging.Formatter):
    """Each record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Its fields beside when, how grave and what."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        # Others' messages may go on with what they hold, which may be names.
        event = record.getMessage().partition("\n")[0]
        told = {"at": at, "level": record.levelname.lower(), "event": event}
        told |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            told["error"] = place_of(record.exc_info[1])
        return json.dumps(told, ensure_ascii=True, default=str)


def write_logs(stream: TextIO | None = None) -> None:
    """Write what this process and its server log to the output from now on."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonLines())
    for name, level in LEVELS.items():
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False

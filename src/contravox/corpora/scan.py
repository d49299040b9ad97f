"""Files of a corpus to rows of a manifest."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from contravox.audio.digests import audio_digest
from contravox.audio.storage import file_state
from contravox.audio.waveform import END_SECONDS, MINIMUM_SECONDS, audio_info
from contravox.errors import AudioError, ManifestError
from contravox.files.journal import Journal
from contravox.manifest import COLUMNS, Manifest
from contravox.threads import map_in_threads

BLOCK = 1_000
"""Headers between two entries in the journal: what an interrupt may lose, under a second's work."""

HEADER = {
    "path": pl.String,
    "state": pl.String,
    "seconds": pl.Float64,
    "sample_rate": pl.Int64,
    "digest": pl.String,
    "start": pl.Float64,
    "duration": pl.Float64,
    "reason": pl.String,
}
"""A file and the state it was in; what its header says, and which part is used, or why none is."""

Part = tuple[float, float]
"""start, duration (s)"""


@dataclass(frozen=True)
class Scanned:
    """A corpus as found: its manifest, and the files left out.

    skipped: pairs of a path and the reason.
    """

    manifest: Manifest
    skipped: list[tuple[str, str]]


def scan_recordings(
    recordings: pl.DataFrame,
    used_part: Callable[[str], Part] | None = None,
    shortest: float = MINIMUM_SECONDS,
    *,
    journal: Journal | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Scanned:
    """Read every recording's header, in parallel, and leave out those that cannot be used.

    recordings: as ``Corpus.recordings`` gives them; where several rows are parts of one file, its
    header is read once. used_part, shortest: of the ``Corpus``. journal: where headers are kept for
    another run. progress: called with the numbers of files done and in all.

    Raises ManifestError where none can be used.
    """
    files = recordings["path"].unique(maintain_order=True)
    table = _with_headers(recordings, _read_headers(files, used_part, journal, progress))
    seconds, end = pl.col("file seconds"), pl.col("start") + pl.col("duration")
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
    return Scanned(Manifest(ordered.sort("utterance")), skipped)


def _with_headers(recordings: pl.DataFrame, headers: pl.DataFrame) -> pl.DataFrame:
    """The recordings with all columns of a manifest but the sample rate, and each one's header.

    The columns of a header begin with ``file``, as a corpus may have columns of such names.
    """
    absent = {"speaker", "session", "start", "duration"} - set(recordings.columns)
    table = recordings.with_columns(pl.lit(None, COLUMNS[name]).alias(name) for name in absent)
    of_file = headers.select("path", pl.exclude("path").name.prefix("file "))
    table = table.join(of_file, on="path", how="left", maintain_order="left")
    start = pl.coalesce("start", "file start", pl.lit(0.0))
    duration = pl.coalesce("duration", "file duration", pl.col("file seconds") - start)
    return table.with_columns(start=start, duration=duration)


def _read_headers(
    files: pl.Series,
    used_part: Callable[[str], Part] | None,
    journal: Journal | None,
    progress: Callable[[int, int], None],
) -> pl.DataFrame:
    known = journal.read() if journal else pl.DataFrame(schema=HEADER)
    now = pl.Series([file_state(path) for path in known["path"]], dtype=pl.String)
    known = known.filter(known["state"] == now).unique("path", keep="any")
    blocks, rows = [known], []
    unread = files.to_frame().join(known, on="path", how="anti", maintain_order="left")["path"]
    done = len(files) - len(unread)
    for header in map_in_threads(partial(_header, used_part=used_part), unread):
        rows.append(header)
        done += 1
        progress(done, len(files))
        if len(rows) == BLOCK or done == len(files):
            blocks.append(pl.DataFrame(rows, schema=HEADER, orient="row"))
            rows = []
            if journal and done < len(files):
                journal.append(blocks[-1])
    return pl.concat(blocks)


def _header(path: str, used_part: Callable[[str], Part] | None) -> tuple[Any, ...]:
    """A row of ``HEADER``."""
    state = file_state(path)
    try:
        info = audio_info(path)
        # What lies in a store has no digest: every recording would have to be fetched for it.
        digest = audio_digest(path) if state else None
        part = used_part(path) if used_part else (None, None)
    except AudioError as error:
        return path, state, *[None] * 5, str(error).removeprefix(f"{path}: ")
    except OSError as error:
        return path, state, *[None] * 5, (error.strerror or str(error)).lower()
    return path, state, info.seconds, info.sample_rate, digest, *part, None

"""Short utterances joined to longer ones: many of CN-Celeb's are under 2 s."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import soundfile

from contravox.audio.flac import flac_bytes, sixteen_bits
from contravox.audio.waveform import read_audio
from contravox.corpora.scan import scan_recordings
from contravox.errors import AudioError
from contravox.files.writing import write_bytes
from contravox.manifest import COLUMNS, Manifest
from contravox.threads import map_in_threads

SHORT_SECONDS = 2.0
"""Utterances shorter than this are joined."""


@dataclass(frozen=True)
class Joint:
    """What is written to a file.

    segments: path, start and duration of each part; target: where to; made_of: the same with
    digests in place of paths, if all have one.
    """

    segments: list[Mapping[str, Any]]
    target: str
    made_of: str | None


@dataclass(frozen=True)
class Joined:
    """What joining made.

    manifest: with the joined utterances in place of the short ones; unreadable: a path and a
    reason for each file that could not be read.
    """

    manifest: Manifest
    unreadable: list[tuple[str, str]]


def join_short(
    manifest: Manifest,
    folder: Path,
    seconds: float,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Joined:
    """Join utterances under 2 s of one speaker and session, in their order, up to ``seconds``.

    Writes ``folder/<speaker>/<session>-joined-001.flac``, 16 kHz and 16 bits, with ``%2F`` for a
    slash in a name and ``%2E`` for a dot at its start; a file that was joined of the same
    segments of the same recordings before is kept. An utterance that fits to no other stays as it
    is.

    progress: called with the numbers of files done and in all.

    A file that cannot be read is left out with the whole joint that it is of. Raises OutputError.
    """
    short = manifest.table.with_columns(identity=manifest.identities)
    short = short.filter(pl.col("duration") < SHORT_SECONDS)
    short = short.drop_nulls(["identity", "session"]).sort("identity", "session", "utterance")
    short = short.with_columns(_joints(short, seconds)).filter(pl.len().over("joint") > 1)
    if short.is_empty():
        return Joined(manifest, [])
    first = pl.col("joint").min().over("identity", "session")
    # Two corpora may both have a speaker 1, whose joints would share a name.
    corpora = short["corpus"].n_unique() if "corpus" in short.columns else 1
    speaker = "identity" if corpora > 1 else "speaker"
    number = (pl.col("joint") - first + 1).cast(pl.String).str.zfill(3)
    rows = (
        short.group_by("joint", maintain_order=True)
        .agg(
            pl.exclude(*COLUMNS, "digest").first(),
            pl.col("speaker", "session").first(),
            pl.struct("path", "start", "duration").alias("segments"),
            pl.format("{}:{}:{}", "digest", "start", "duration")
            .str.join(" ", ignore_nulls=False)
            .alias("made_of"),
        )
        .with_columns(
            utterance=pl.format("{}/{}-joined-{}", _segment(speaker), _segment("session"), number)
        )
        .with_columns(path=pl.format("{}/{}.flac", pl.lit(str(folder.resolve())), "utterance"))
    )
    joints = [Joint(*row) for row in rows.select("segments", "path", "made_of").iter_rows()]
    unreadable = []
    for done, failure in enumerate(map_in_threads(_write, joints), start=1):
        unreadable += [failure] if failure else []
        progress(done, len(joints))
    joined = scan_recordings(rows.drop("joint", "identity", "segments", "made_of")).manifest
    alone = manifest.table.join(short, on="utterance", how="anti")
    return Joined(Manifest.joined([Manifest(alone), joined]), unreadable)


def _segment(name: str) -> pl.Expr:
    """The names in a column as one segment of a path each: none leads to another folder."""
    marked = pl.col(name).str.replace_all("%", "%25", literal=True)
    return marked.str.replace_all("/", "%2F", literal=True).str.replace(r"^\.", "%2E")


def _joints(short: pl.DataFrame, seconds: float) -> pl.Series:
    """(rows,) the number of the joint of each utterance, counted in their order.

    A loop, because where a joint ends depends on where the last one did.
    """
    joints, joint, filled, before = [], -1, 0.0, None
    for speaker, session, duration in short.select("identity", "session", "duration").iter_rows():
        if (speaker, session) != before or filled + duration > seconds:
            joint, filled, before = joint + 1, 0.0, (speaker, session)
        filled += duration
        joints.append(joint)
    return pl.Series("joint", joints, dtype=pl.Int64)


def _write(joint: Joint) -> tuple[str, str] | None:
    """Write a joint, or say which of its segments' files cannot be read and why."""
    target = Path(joint.target)
    if joint.made_of is not None and _made_of(target) == joint.made_of:
        return None
    target.unlink(missing_ok=True)
    recordings = []
    for segment in joint.segments:
        path = segment["path"]
        try:
            heard = read_audio(path, start=segment["start"], duration=segment["duration"])
            recordings.append(sixteen_bits(heard, path))
        except AudioError as error:
            return path, str(error).removeprefix(f"{path}: ")
    write_bytes(target, flac_bytes(np.concatenate(recordings), joint.made_of))
    return None


def _made_of(path: Path) -> str | None:
    """What ``_write`` noted in a file; None where there is none."""
    try:
        with soundfile.SoundFile(path) as file:
            return file.comment
    except soundfile.LibsndfileError:
        return None

"""Utterances in few large files: shards, as WebDataset lays them out.

A shard is a tar file that holds two members of every utterance: ``<key>.flac``, mono, 16 bits at
16 kHz, and ``<key>.json`` with what the manifest says. The manifest beside the shards points at the
bytes of each utterance, so that any can be read alone, in any order, by one request to a store.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import polars as pl

from contravox.audio.flac import flac_bytes, sixteen_bits
from contravox.audio.storage import claim_store, stored_size, upload
from contravox.audio.waveform import SAMPLE_RATE, read_audio
from contravox.corpora.left_out import SKIPPED, write_left_out
from contravox.corpora.shard_index import INDEX, ShardIndex, source_state
from contravox.errors import AudioError, ManifestError, StorageError
from contravox.files.writing import atomic_path, write_text
from contravox.manifest import MANIFEST, START_IN_ORIGINAL, Manifest
from contravox.threads import map_in_threads

PCM_BYTES_PER_SECOND = 2 * SAMPLE_RATE
"""Of 16-bit samples. FLAC makes speech about half as large, never much larger."""

PLAN = "plan.digest"
"""Which utterances a folder of shards is for, in which order and sizes, and in which store."""

FILES = (PLAN, MANIFEST, SKIPPED, "shard-*.tar", "shard-*.tsv")

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Sharded:
    """What was written. skipped: the utterances left out, their paths, and why."""

    manifest: Manifest
    skipped: pl.DataFrame
    shards: int


def shard_manifest(
    manifest: Manifest,
    folder: Path,
    *,
    store: str | None = None,
    megabytes: int = 512,
    again: bool = False,
    progress: Progress = lambda *_: None,
) -> Sharded:
    """Write a manifest's utterances to shards, and a manifest of those to ``folder``.

    Utterances lie in random order, the same for the same manifest, so that whoever reads shards
    from end to end meets all speakers mixed. Reading them one by one is as fast in any order.

    A shard is done when its index, ``shard-000012.tsv``, is there, agrees with it, and no recording
    was replaced since: after an interrupt the same call goes on with the next. Utterances that
    cannot be read are left out and listed in ``skipped.tsv``.

    store: URL of a folder to which the shards are moved as they are done, such as
        ``s3://bucket/voxceleb2``; ``None`` leaves them in ``folder``.
    again: give up what the folder holds of another manifest, size or store.
    megabytes: of 16-bit samples in a shard, about twice its size as FLAC.
    progress: called with the utterances done and in all.

    Raises StorageError where ``folder`` holds something else or the store does not answer,
    ManifestError where no utterance can be read, OutputError where nothing can be written.
    """
    if store is not None:
        store = store.rstrip("/")
        claim_store(store)
    plan = _plan(manifest, megabytes)
    shards = plan.partition_by("shard number", maintain_order=True, include_key=False)
    _claim(folder, plan, store, again)
    done, indices = 0, []

    def report() -> None:
        nonlocal done
        done += 1
        progress(done, len(plan))

    for number, utterances in enumerate(shards):
        name = _name(number)
        tar = folder / f"{name}.tar"
        place = f"{store}/{tar.name}" if store else tar.name
        index = ShardIndex(folder / f"{name}.tsv", place if store else str(tar), utterances)
        rows = index.read()
        if rows is None:
            rows = _write_shard(tar, utterances, report)
            if store:
                upload(tar, place)
                tar.unlink()
            index.write(rows)
        else:
            done += len(utterances)
            progress(done, len(plan))
        indices.append(rows.with_columns(pl.lit(place).alias("tar")))
    return _write_tables(manifest, pl.concat(indices), folder, len(shards))


def _name(number: int) -> str:
    """Of a shard, without an ending."""
    return f"shard-{number:06}"


def _plan(manifest: Manifest, megabytes: int) -> pl.DataFrame:
    """The manifest's rows in the order of the shards, with the ``shard number`` of each."""
    table = manifest.table.sort("utterance")
    order = np.random.default_rng(0).permutation(table.height)
    size = pl.col("duration") * PCM_BYTES_PER_SECOND
    filled = (size.cum_sum() - size) // (megabytes * 1_000_000)
    return table[order].with_columns(filled.rle_id().alias("shard number"))


def _claim(folder: Path, plan: pl.DataFrame, store: str | None, again: bool) -> None:
    """Let the folder be for this plan alone. Raises StorageError where it is for another."""
    digest = hashlib.blake2b(f"{store}\n".encode(), digest_size=16)
    for rows in plan.iter_slices(100_000):
        digest.update(rows.write_csv(separator="\t").encode())
    plan_file = folder / PLAN
    if again:
        for index in folder.glob("shard-*.tsv"):
            index.unlink()
    elif plan_file.is_file():
        if plan_file.read_text(encoding="utf-8").strip() != digest.hexdigest():
            raise StorageError(
                f"{folder}: holds shards of another manifest, size or store: "
                "choose another --output, or pass --force to replace them"
            )
        return
    elif (folder / MANIFEST).exists():
        raise StorageError(f"{folder}: holds another manifest: choose another --output")
    elif store and stored_size(f"{store}/{_name(0)}.tar") is not None:
        raise StorageError(
            f"{store}: holds shards that {folder} does not know of, and whoever reads them would "
            "read others: choose another --store, or pass --force to replace them"
        )
    write_text(plan_file, f"{digest.hexdigest()}\n")


def _write_shard(tar: Path, utterances: pl.DataFrame, report: Callable[[], None]) -> pl.DataFrame:
    """Write utterances to a tar file, and report each. Returns its index."""
    rows: list[tuple[str, str, int | None, int | None, float | None, str | None]] = []
    with (
        atomic_path(tar) as temporary,
        temporary.open("wb") as stream,
        tarfile.open(fileobj=stream, mode="w") as archive,
    ):
        # soundfile and soxr let other threads run while they work.
        rows_of_manifest = utterances.iter_rows(named=True)
        for entry in map_in_threads(_entry, rows_of_manifest, workers=os.cpu_count() or 1):
            if isinstance(entry, _Skipped):
                rows.append((entry.utterance, entry.source, None, None, None, entry.reason))
            else:
                first = _add(archive, stream, f"{entry.key}.flac", entry.flac)
                _add(archive, stream, f"{entry.key}.json", entry.description)
                last = first + len(entry.flac) - 1
                rows.append((entry.utterance, entry.source, first, last, entry.seconds, None))
            report()
    columns = {name: dtype for name, dtype in INDEX.items() if name != "shard_bytes"}
    table = pl.DataFrame(rows, schema=columns, orient="row")
    return table.with_columns(shard_bytes=pl.lit(tar.stat().st_size, pl.Int64))


class _Entry(NamedTuple):
    """An utterance as it lies in a shard.

    Of the file that it is from the state; its key, FLAC file, JSON description and length.
    """

    utterance: str
    source: str
    key: str
    flac: bytes
    description: bytes
    seconds: float


class _Skipped(NamedTuple):
    """An utterance that cannot be read, and why."""

    utterance: str
    source: str
    reason: str


def _entry(row: dict[str, Any]) -> _Entry | _Skipped:
    utterance, path = row["utterance"], row["path"]
    source = source_state(path)
    try:
        waveform = read_audio(path, start=row["start"], duration=row["duration"])
        flac = flac_bytes(sixteen_bits(waveform, path))
    except AudioError as error:
        return _Skipped(utterance, source, str(error).removeprefix(f"{path}: "))
    seconds = len(waveform) / SAMPLE_RATE
    facts = {name: value for name, value in row.items() if name not in ("path", "start")}
    facts |= {"duration": seconds, "sample_rate": SAMPLE_RATE}
    description = json.dumps(facts, ensure_ascii=False).encode()
    return _Entry(utterance, source, _key(utterance), flac, description, seconds)


def _key(utterance: str) -> str:
    """Its name for WebDataset, to which a dot ends the key, and in ASCII."""
    return quote(utterance).replace(".", "%2E")


def _add(archive: tarfile.TarFile, stream: io.BufferedWriter, name: str, data: bytes) -> int:
    """Append a member. Returns the place of its first byte."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))
    blocks = -(-len(data) // tarfile.BLOCKSIZE)
    return stream.tell() - blocks * tarfile.BLOCKSIZE


def _write_tables(manifest: Manifest, index: pl.DataFrame, folder: Path, shards: int) -> Sharded:
    """Write ``manifest.tsv`` and, where utterances were left out, ``skipped.tsv``."""
    # A manifest may have columns of its own of such names.
    of_shard = index.select("utterance", pl.exclude("utterance").name.prefix("shard "))
    told = manifest.table
    if "digest" in told.columns and (manifest.starts > 0).any():
        # Else the parts of a file, which have one digest, would be one recording.
        told = told.with_columns(manifest.starts.alias(START_IN_ORIGINAL))
    table = told.join(of_shard, on="utterance")
    reason = pl.col("shard reason")
    skipped = table.filter(reason.is_not_null()).select("utterance", "path", reason=reason)
    if len(skipped) == len(table):
        raise ManifestError(
            f"none of {len(table)} utterances can be read, such as "
            f"{skipped['path'][0]} ({skipped['reason'][0]}): mend the manifest's paths"
        )
    readable = table.filter(reason.is_null()).with_columns(
        path=pl.format("{}#bytes={}-{}", "shard tar", "shard first", "shard last"),
        start=0.0,
        duration="shard duration",
        sample_rate=pl.lit(SAMPLE_RATE, pl.Int64),
    )
    sharded = Manifest(readable.select(told.columns).sort("utterance"))
    write_left_out(folder / SKIPPED, skipped)
    sharded.write(folder / MANIFEST)
    return Sharded(sharded, skipped, shards)

"""Recordings in formats that libsndfile does not read, such as VoxCeleb2's AAC, to FLAC."""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from contravox.audio.waveform import SAMPLE_RATE, audio_info
from contravox.corpora.files import audio_files
from contravox.corpora.left_out import write_left_out
from contravox.errors import AudioError, ManifestError, MissingExtraError
from contravox.files.writing import atomic_path
from contravox.threads import map_in_threads

TRANSCODED_SUFFIXES = (".m4a", ".mp4", ".aac", ".m4b", ".mov", ".mkv", ".webm", ".wma", ".amr")
"""Endings of the files that are transcoded."""

FAILED = "failed.tsv"


def transcode_folder(
    folder: Path,
    output: Path,
    *,
    jobs: int | None = None,
    again: bool = False,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> int:
    """Transcode all ``.m4a``, ``.mp4``, ``.aac`` … below ``folder`` to 16 kHz mono FLAC by ffmpeg.

    Files get the same folders and names below ``output``, and appear whole or not at all; those
    that are there already and newer than what they were made of are left, so an interrupted call
    can be repeated.

    jobs: files at a time, by default one for each core. again: transcode once more what is
    there already. progress: called with the numbers of files done and in all.

    Returns the number of files. Raises AudioError where some failed, which ``output/failed.tsv``
    then lists, MissingExtraError without ffmpeg, ManifestError where nothing is to be transcoded or
    two files would become one, OutputError.
    """
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise MissingExtraError(
            "transcoding needs ffmpeg, which is not here: apt install ffmpeg, brew install ffmpeg "
            "or conda install ffmpeg"
        )
    sources = audio_files(folder, TRANSCODED_SUFFIXES)
    if sources.is_empty():
        raise ManifestError(
            f"{folder}: holds nothing to transcode (looked for {', '.join(TRANSCODED_SUFFIXES)})"
        )
    below = pl.col("path").str.strip_prefix(f"{str(folder.resolve()).rstrip('/')}/")
    target = pl.format("{}/{}.flac", pl.lit(str(output)), below.str.replace(r"\.[^./]+$", ""))
    pairs = sources.to_frame().with_columns(target=target)
    twice = pairs.filter(pl.col("target").is_duplicated()).sort("target", "path")
    if len(twice):
        one, other = twice["path"][:2]
        raise ManifestError(f"{one} and {other} would both become {twice['target'][0]}: rename one")
    failures = []
    transcode = partial(_transcode, ffmpeg, again)
    jobs = jobs or os.cpu_count() or 1
    results = map_in_threads(transcode, pairs.iter_rows(), workers=jobs)
    for done, failure in enumerate(results, start=1):
        failures += [failure] if failure else []
        progress(done, len(pairs))
    table = pl.DataFrame(failures, schema=["path", "reason"], orient="row")
    write_left_out(output / FAILED, table)
    if failures:
        raise AudioError(
            f"{output / FAILED}: lists {len(failures):,} of {len(pairs):,} files that could not be "
            "transcoded: replace them and give the same command again"
        )
    return len(pairs)


def _transcode(ffmpeg: str, again: bool, pair: tuple[str, str]) -> tuple[str, str] | None:
    """Transcode one file, or give its path and the reason why not."""
    source, target = pair
    if not again and _is_newer(target, source):
        return None
    # Nothing of the program or the day goes into the file: the same input gives the same bytes.
    plain = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    audio = ["-vn", "-ac", "1", "-ar", str(SAMPLE_RATE), "-sample_fmt", "s16", *plain]
    command = [ffmpeg, "-nostdin", "-v", "error", "-y", "-xerror", "-i", source, *audio]
    try:
        with atomic_path(Path(target)) as temporary:
            ended = subprocess.run(
                [*command, "-f", "flac", str(temporary)], capture_output=True, check=False
            )
            if ended.returncode:
                said = ended.stderr.decode(errors="replace").split("\n")
                reason = next((line for line in reversed(said) if line.strip()), "it said nothing")
                raise AudioError(f"ffmpeg failed with exit {ended.returncode}: {reason.strip()}")
            audio_info(temporary)
    except AudioError as error:
        return source, str(error).removeprefix(f"{temporary}: ")
    return None


def _is_newer(target: str, source: str) -> bool:
    """Whether a file was written after the last change of another.

    The time of change (ctime) is set by whatever replaces a file; that of modification may come
    with the file from elsewhere.
    """
    try:
        return os.stat(target).st_mtime_ns > os.stat(source).st_ctime_ns
    except FileNotFoundError:
        return False

"""Files of a corpus to rows of a manifest."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from contravox.audio import AUDIO_SUFFIXES, MINIMUM_SECONDS, audio_info
from contravox.errors import AudioError, ManifestError
from contravox.manifest import COLUMNS, Manifest
from contravox.writing import write_text


@dataclass(frozen=True)
class Recording:
    """One audio file of a corpus and what its place on disk says about it."""

    path: Path
    utterance: str
    speaker: str | None
    session: str | None


@dataclass(frozen=True)
class Prepared:
    """A corpus as found: its manifest, and the files left out with the reason for each."""

    manifest: Manifest
    skipped: dict[Path, str]

    def write(self, folder: Path) -> None:
        """Write ``manifest.tsv`` and, where files were left out, ``skipped.tsv`` to ``folder``."""
        if self.skipped:
            lines = [f"{path}\t{reason}\n" for path, reason in self.skipped.items()]
            write_text(folder / "skipped.tsv", "path\treason\n" + "".join(lines))
        self.manifest.write(folder / "manifest.tsv")


def audio_files(folder: Path) -> list[Path]:
    """Every audio file below ``folder``, sorted. Raises ManifestError where there is none."""
    if not folder.is_dir():
        raise ManifestError(f"{folder}: no such folder")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    if not files:
        raise ManifestError(f"{folder}: holds no audio file (looked for .wav, .flac, .ogg, .mp3 …)")
    return files


def scan_recordings(
    recordings: Sequence[Recording], *, progress: Callable[[int, int], None] = lambda *_: None
) -> Prepared:
    """Read every recording's length, in parallel, and leave out those that cannot be used.

    progress: called with the numbers done and in all.

    Raises ManifestError where none can be used.
    """
    rows, skipped = [], {}
    with ThreadPoolExecutor(8) as pool:
        for done, (recording, info) in enumerate(
            zip(recordings, pool.map(_info_or_reason, recordings), strict=True), start=1
        ):
            if isinstance(info, str):
                skipped[recording.path] = info
            else:
                seconds, sample_rate = info
                names = (recording.utterance, recording.speaker, recording.session)
                rows.append((*names, str(recording.path.resolve()), 0.0, seconds, sample_rate))
            progress(done, len(recordings))
    if not rows:
        path, reason = next(iter(skipped.items()))
        raise ManifestError(f"none of {len(skipped)} files can be used, such as {path} ({reason})")
    table = pl.DataFrame(rows, schema=COLUMNS, orient="row")
    return Prepared(Manifest(table.sort("utterance")), skipped)


def _info_or_reason(recording: Recording) -> tuple[float, int] | str:
    try:
        info = audio_info(recording.path)
    except AudioError as error:
        return str(error).removeprefix(f"{recording.path}: ")
    if info.seconds < MINIMUM_SECONDS:
        return f"only {info.seconds:.3f} s long"
    return info.seconds, info.sample_rate

"""A data folder of Kaldi: ``wav.scp`` and ``utt2spk``, perhaps ``segments`` and ``spk2gender``."""

import os
from pathlib import Path

import polars as pl

from contravox.corpora.corpus import Corpus
from contravox.corpora.lists import read_list, with_sex
from contravox.errors import ManifestError, quoted
from contravox.manifest import located

NAME, GAP, NUMBER = "[^ \t]+", "[ \t]+", "[0-9]+[.]?[0-9]*"
"""Of a line. Blanks of other scripts may be part of a name."""


def kaldi_recordings(folder: Path) -> pl.DataFrame:
    """The utterances of a data folder; with ``segments``, parts of its recordings.

    Relative paths start from the working folder, as in Kaldi, or, where the first is not there,
    from ``folder``.

    Raises ManifestError naming the file and line, also where a recording is the output of a
    command, and where an utterance has no speaker or a segment no recording.
    """
    for name in ("wav.scp", "utt2spk"):
        if not (folder / name).is_file():
            raise ManifestError(
                f"{folder}: no {name}, so not a data folder of Kaldi: it needs wav.scp and utt2spk"
            )
    scp = folder / "wav.scp"
    pattern = rf"^(?<utterance>{NAME}){GAP}(?<path>{NAME}.*)$"
    recordings = read_list(scp, pattern, "utterance path", once="utterance")
    if recordings.is_empty():
        raise ManifestError(f"{scp}: names no recording: write lines of `utterance path`")
    commands = recordings.filter(pl.col("path").str.ends_with("|"))
    if len(commands):
        utterance, command = commands.select("utterance", "path").row(0)
        raise ManifestError(
            f"{scp}: {utterance}: `{command[:60]}` is a command, which contravox does not run: "
            "write its output to a file and give the path of that"
        )
    start = Path() if os.path.exists(recordings["path"][0]) else folder
    recordings = recordings.with_columns(located(start))
    if (folder / "segments").is_file():
        recordings = _segments(folder / "segments", recordings)
    pattern = rf"^(?<utterance>{NAME}){GAP}(?<speaker>{NAME})$"
    speakers = read_list(folder / "utt2spk", pattern, "utterance speaker", once="utterance")
    named = recordings.join(speakers, on="utterance", how="left", maintain_order="left")
    _refuse_null(named, "speaker", folder / "utt2spk")
    return with_sex(named, folder, "spk2gender", r"^(\S+)\s+([mf])")


def _segments(path: Path, recordings: pl.DataFrame) -> pl.DataFrame:
    names = f"(?<utterance>{NAME}){GAP}(?<recording>{NAME})"
    pattern = f"^{names}{GAP}(?<start>{NUMBER}){GAP}(?<end>{NUMBER})$"
    segments = read_list(path, pattern, "utterance recording start end", once="utterance")
    start, end = (pl.col(name).cast(pl.Float64, strict=False) for name in ("start", "end"))
    parts = segments.with_columns(start, (end - start).alias("duration")).drop("end")
    files = recordings.rename({"utterance": "recording"})
    joined = parts.join(files, on="recording", how="left", maintain_order="left")
    _refuse_null(joined, "path", path)
    return joined.drop("recording")


def _refuse_null(table: pl.DataFrame, column: str, path: Path) -> None:
    bare = table.filter(pl.col(column).is_null())
    if len(bare):
        raise ManifestError(
            f"{path}: {len(bare):,} of {len(table):,} utterances have no {column}, such as "
            f"{quoted(bare['utterance'][0])}: add them"
        )


KALDI = Corpus(title="a data folder of Kaldi", recordings=kaldi_recordings, free=True)

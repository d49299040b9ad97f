"""The sex of a corpus's speakers, where its release tells."""

from pathlib import Path

import polars as pl

from contravox.corpora.lists import find_list


def with_sex(recordings: pl.DataFrame, folder: Path, name: str, pattern: str) -> pl.DataFrame:
    """Add the column sex, f or m, where the release's list of speakers lies below ``folder``.

    name: of the list. pattern: of its lines: a speaker, and m or f in either case; other lines,
    such as headers, are passed over.
    """
    path = find_list(folder, name)
    if path is None:
        return recordings
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    lines = pl.Series(text.splitlines(), dtype=pl.String)
    speakers = pl.DataFrame(
        {
            "speaker": lines.str.extract(f"(?i){pattern}", 1),
            "sex": lines.str.extract(f"(?i){pattern}", 2).str.to_lowercase(),
        }
    )
    known = speakers.drop_nulls().unique("speaker", keep="first")
    return recordings.join(known, on="speaker", how="left", maintain_order="left")

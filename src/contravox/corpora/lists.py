"""The lists of a release: speakers and their sex, enrolments, trials."""

from pathlib import Path

import polars as pl

from contravox.errors import ManifestError, quoted
from contravox.files.tables import read_lines


def find_list(folder: Path, name: str) -> Path | None:
    """A release's list: ``name`` in ``folder``, or up to two levels below it; None if not there."""
    for place in (name, f"*/{name}", f"*/*/{name}"):
        for path in sorted(folder.glob(place)):
            if path.is_file():
                return path
    return None


def read_list(path: Path, pattern: str, expected: str, *, once: str | None = None) -> pl.DataFrame:
    """Read a list, a row for each line that is not blank.

    pattern: a regular expression with named groups, which become the columns. expected: what a line
    should be, for the message. once: a column in which no name may
    stand on two lines that differ.

    Raises ManifestError naming the file and line.
    """
    lines = read_lines(path, ManifestError)
    bad = lines.filter(~pl.col("text").str.contains(pattern))
    if len(bad):
        line, text = bad.row(0)
        raise ManifestError(f"{path}: line {line}: {quoted(text)} is not `{expected}`")
    rows = lines.select("line", groups=pl.col("text").str.extract_groups(pattern)).unnest("groups")
    if once is not None:
        rows = rows.unique(pl.selectors.exclude("line"), keep="first", maintain_order=True)
        twice = rows.filter(~pl.col(once).is_first_distinct())
        if len(twice):
            raise ManifestError(
                f"{path}: line {twice['line'][0]}: {once} {quoted(twice[once][0])} is there "
                "already, with something else: keep one of the lines"
            )
    return rows.drop("line")


def without_suffix(column: str) -> pl.Expr:
    """A column of paths without their endings: the lists say .wav where the files are .flac."""
    return pl.col(column).str.replace(r"\.[^./]+$", "")


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

"""The lists of a release: speakers, enrolments, trials."""

from pathlib import Path

import polars as pl

from contravox.errors import ManifestError


def find_list(folder: Path, name: str) -> Path | None:
    """A release's list: ``name`` in ``folder``, or up to two levels below it; None if not there."""
    for place in (name, f"*/{name}", f"*/*/{name}"):
        for path in sorted(folder.glob(place)):
            if path.is_file():
                return path
    return None


def read_list(path: Path, pattern: str, expected: str) -> pl.DataFrame:
    """Read a list, a row for each line that is not blank.

    pattern: a regular expression with named groups, which become the columns. expected: what a line
    should be, for the message.

    Raises ManifestError naming the file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: cannot be read as a list ({error})") from error
    lines = pl.DataFrame({"text": text.split("\n")}, schema={"text": pl.String})
    lines = lines.with_columns(pl.col("text").str.strip_chars()).with_row_index("line", offset=1)
    lines = lines.filter(pl.col("text") != "")
    groups = pl.col("text").str.extract_groups(pattern).alias("groups")
    bad = lines.filter(~pl.col("text").str.contains(pattern))
    if len(bad):
        line, text = bad.row(0)
        raise ManifestError(f"{path}: line {line}: {text[:80]!r} is not `{expected}`")
    return lines.select(groups).unnest("groups")


def without_suffix(column: str) -> pl.Expr:
    """A column of paths without their endings: the lists say .wav where the files are .flac."""
    return pl.col(column).str.replace(r"\.[^./]+$", "")

"""Score files as other toolkits write them."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from contravox.errors import TrialsError, few, quoted
from contravox.files.tables import (
    field_names,
    lines_of,
    read_table_blocks,
    read_text_blocks,
    regular_lines,
)
from contravox.numbering import held_once
from contravox.trials.formats import INNER_TAB, TARGET_WORDS
from contravox.trials.scores import RATIOS

FIELDS = ("enrolment", "test", "score", "target", "_")
"""What a field of a line may be; ``_`` is not looked at."""

ORDERS = (
    # Kaldi and who follows it.
    ("enrolment", "test", "score"),
    # WeSpeaker, 3D-Speaker.
    ("enrolment", "test", "score", "target"),
    # SpeechBrain; contravox itself, under a header.
    ("enrolment", "test", "target", "score"),
    ("target", "enrolment", "test", "score"),
    ("score", "enrolment", "test"),
    ("score", "target", "enrolment", "test"),
)
"""Which fields lines have, where neither a header nor the user says so."""

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def parse_fields(text: str) -> tuple[str, ...]:
    """The fields of a line, as a user writes them: ``enrolment test score``.

    Raises TrialsError where one is unknown, named twice, or missing.
    """
    fields = tuple(text.replace(",", " ").split())
    named = [field for field in fields if field != "_"]
    once = len(set(named)) == len(named)
    if once and {"enrolment", "test", "score"} <= set(named) <= set(FIELDS):
        return fields
    raise TrialsError(
        f"{quoted(text)} are no fields of a score file: name enrolment, test and score, and "
        "target where there is one, each once and in their order; _ for what else a line has"
    )


def read_scores(
    path: Path,
    trials: pl.DataFrame,
    fields: Sequence[str] | None = None,
    *,
    ratios: bool = False,
) -> pl.DataFrame:
    """Read the scores of a list's trials: columns enrolment, test, score, and target if there is.

    trials: the list, as ``Trials.table``. fields: what a line holds. Without them a header says so,
    or else the lines themselves do, where only one of the ORDERS gives numbers and trials of the
    list. ratios: whether log-likelihood ratios are wanted: a column of these under a header, such
    as ``evaluate`` writes beside its scores, is taken in place of the scores.

    Raises TrialsError naming the file and line; or where lines may be read in several ways.
    """
    if not path.is_file():
        raise TrialsError(f"{path}: no such file of scores")
    tabs, first = _first_line(path)
    names = [name.strip('"') for name in first]
    if ratios and RATIOS in names:
        place = {"score": "_", RATIOS: "score"}
        names = [place.get(name, name) for name in names]
    header = fields is None and {"enrolment", "test", "score"} <= set(names)
    if header:
        fields = [name if name in FIELDS else "_" for name in names]
    width = len(first if fields is None else fields)
    lines = pl.concat(_rows(path) if header and tabs else _lines(path, tabs, width))
    if header and not tabs:
        lines = lines[1:]
    if lines.is_empty():
        raise TrialsError(f"{path}: holds no score")
    if fields is not None:
        return _parsed(path, lines, fields)
    ways = [
        order
        for order in ORDERS
        if len(order) == width and not _bad_lines(_columns(lines, order)).any()
    ]
    listed = [
        order
        for order in ways
        # Those of one way need no list to tell which it is.
        if len(ways) > 1
        and len(_columns(lines, order).join(trials, on=["enrolment", "test"], how="semi"))
    ]
    if len(listed or ways) == 1:
        return _parsed(path, lines, (listed or ways)[0])
    text = _text(lines, 0)
    if ways:
        several = few([repr(" ".join(order)) for order in listed or ways])
        raise TrialsError(
            f"{path}: lines such as {quoted(text)} may be {several}: say which by --fields"
        )
    raise TrialsError(
        f"{path}: lines such as {quoted(text)} are no scores in an order that is known: say what "
        "their fields are by --fields, such as 'enrolment test score'"
    )


def _first_line(path: Path) -> tuple[bool, list[str]]:
    """Whether tabs part the fields, as one within any line tells, and the fields of the first."""
    tabs, line = False, b""
    for data in read_text_blocks(path, TrialsError):
        tabs = tabs or (b"\t" in data and INNER_TAB.search(data) is not None)
        line = line or data.strip(b" \t\n").partition(b"\n")[0]
    if not line:
        raise TrialsError(f"{path}: holds no score")
    text = line.decode().strip(" \t")
    return tabs, text.split("\t") if tabs else re.split(" +", text)


def _rows(path: Path) -> Iterator[pl.DataFrame]:
    """As ``_lines``, of a tab-separated table with a header, where names may be quoted."""
    first = 2
    for table in read_table_blocks(path, TrialsError):
        table.columns = field_names(table.width)
        yield _held_once(table.with_row_index("line", offset=first))
        first += len(table)


def _lines(path: Path, tabs: bool, width: int) -> Iterator[pl.DataFrame]:
    """Number and fields of each line, block by block: parted by tabs, or else by blanks.

    Raises TrialsError for a line of another width.
    """
    before = 0
    for data in read_text_blocks(path, TrialsError):
        lines = regular_lines(data, "\t" if tabs else " ", width)
        if lines is None:
            lines = _irregular_lines(data, tabs, width, before, path)
        yield _held_once(lines.with_columns(pl.col("line") + before))
        before += data.count(b"\n")


def _irregular_lines(data: bytes, tabs: bool, width: int, before: int, path: Path) -> pl.DataFrame:
    text = pl.col("text") if tabs else pl.col("text").str.replace_all(" +", "\t")
    lines = lines_of(data).select("line", fields=text.str.split("\t"))
    wrong = lines.filter(pl.col("fields").list.len() != width)
    if len(wrong):
        raise TrialsError(
            f"{path}: line {wrong['line'][0] + before}: has {len(wrong['fields'][0])} fields in "
            f"place of {width}: write every line alike"
        )
    fields = enumerate(field_names(width))
    return lines.select("line", *(pl.col("fields").list.get(i).alias(name) for i, name in fields))


def _held_once(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.with_columns(held_once(lines[name]) for name in lines.columns[1:])


def _text(lines: pl.DataFrame, row: int) -> str:
    # A field of nothing in quotation marks is none.
    return " ".join(field or "" for field in lines.row(row)[1:])


def _columns(lines: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """The named fields of each line; null where they are not what they should be."""
    field = dict(zip(fields, map(pl.col, field_names(len(fields))), strict=True))
    number = field["score"].str.strip_chars()
    columns = {
        "enrolment": field["enrolment"],
        "test": field["test"],
        "score": pl.when(number.str.contains(NUMBER)).then(number.cast(pl.Float64, strict=False)),
    }
    if "target" in field:
        columns["target"] = field["target"].replace_strict(
            TARGET_WORDS, default=None, return_dtype=pl.Boolean
        )
    return lines.select("line", **columns)


def _bad_lines(columns: pl.DataFrame) -> pl.Series:
    """(n,) bool: whether a line is no score. What is larger than 32 bits hold is none."""
    finite = pl.col("score").cast(pl.Float32, strict=False).is_finite().fill_null(False)
    return columns.select(pl.any_horizontal(pl.all().is_null()) | ~finite).to_series()


def _parsed(path: Path, lines: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    columns = _columns(lines, fields)
    bad = _bad_lines(columns).arg_true()
    if len(bad):
        row = int(bad[0])
        text = _text(lines, row)
        raise TrialsError(
            f"{path}: line {lines['line'][row]}: {quoted(text)} is not `{' '.join(fields)}`: write "
            "a finite number as the score, or say what the fields are by --fields"
        )
    return columns.drop("line")

"""Tables and lists in text files, read and written as one.

A file is UTF-8, with or without a byte-order mark, with the line ends of Unix or Windows. A field
that begins with a quotation mark ends with one, and holds what is between them, as spreadsheets,
pandas and R write; elsewhere a quotation mark is a character like any other. A field in quotation
marks may hold separators, or line breaks, but not both: so a mark that somebody forgot to close
never makes one row of several. An empty field is a missing one.

Files are opened by their very names: no pattern, ``~`` or URL is expanded and nothing unpacked.
"""

import csv
import io
import stat
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import polars as pl

from contravox.errors import ContravoxError, OutputError, brief, few, quoted
from contravox.files.writing import atomic_path

MOST_COLUMNS = 1_000
BLOCK = 100_000
"""Rows with quotation marks that are held as Python strings at a time."""

UNWRITABLE = "[\r\0]|\n.*\t|\t.*\n"
"""What no text of a table may hold."""

UTF8_MARK, UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


def read_table(
    path: Path, error: type[ContravoxError], *, separator: str = "\t", needs: Sequence[str] = ()
) -> pl.DataFrame:
    """Read a table with a header as columns of strings.

    separator: a single character of ASCII. needs: columns that must be there.

    Raises ``error`` naming the file and the row, counted from the header on, which is row 1.
    """
    data = read_text(path, error)
    names = _header(data, separator, path, error)
    _check_names(names, needs, path, error)
    if b'"' in data:
        return _read_quoted(data, names, separator, path, error)
    # What is left of each line is its separators; polars would fill short lines up without a word.
    marks = data.translate(None, delete=bytes(set(range(256)) - {*b"\n", *separator.encode()}))
    line = separator.encode() * (len(names) - 1) + b"\n"
    if marks != line * (len(marks) // len(line)):
        row, found = next(
            (row, len(found) + 1)
            for row, found in enumerate(marks.split(b"\n"), start=1)
            if len(found) + 1 != len(names)
        )
        raise error(_wrong_width(path, row, found, len(names)))
    try:
        return pl.read_csv(data, separator=separator, quote_char=None, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as failure:
        raise error(f"{path}: not a table ({brief(str(failure))})") from failure


def read_lines(path: Path, error: type[ContravoxError]) -> pl.DataFrame:
    """The lines of a list that are not blank: their numbers, ``line``, and their ``text``.

    Raises ``error`` naming the file and, where it is one, the row.
    """
    return lines_of(read_text(path, error))


def lines_of(data: bytes) -> pl.DataFrame:
    """The lines of a text that are not blank: their numbers, ``line``, and their ``text``.

    Spaces and tabs around a line are left out; blanks of other scripts may be part of a name.
    """
    lines = pl.DataFrame({"text": data.decode().split("\n")}, schema={"text": pl.String})
    lines = lines.with_columns(pl.col("text").str.strip_chars(" \t")).with_row_index(
        "line", offset=1
    )
    return lines.filter(pl.col("text") != "")


def read_text(path: Path, error: type[ContravoxError]) -> bytes:
    r"""Read a text file as UTF-8 without a byte-order mark, each line ending in ``\n``.

    Raises ``error`` naming the file and, where there is one, the row.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise error(f"{path}: not a file: give a text file")
        data = path.read_bytes()
    except OSError as failure:
        reason = (failure.strerror or str(failure)).lower()
        raise error(f"{path}: cannot be read ({reason})") from failure
    if data.startswith(UTF16_MARKS):
        raise error(f"{path}: is in UTF-16: save it as UTF-8")
    data = data.removeprefix(UTF8_MARK)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    for byte, name in ((b"\0", "a NUL byte"), (b"\r", "a carriage return within a line")):
        if byte in data:
            row = data.count(b"\n", 0, data.index(byte)) + 1
            raise error(f"{path}: row {row}: holds {name}: save the file as plain text in UTF-8")
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as failure:
            row = data.count(b"\n", 0, failure.start) + 1
            raise error(f"{path}: row {row}: is not UTF-8: save the file as UTF-8") from failure
    # A copy is the dearest step, so that a file which ends as it should is spared it.
    if data.endswith(b"\n") and not data.endswith(b"\n\n"):
        return data
    return data.rstrip(b"\n") + b"\n"


def write_table(path: Path, table: pl.DataFrame, *, float_precision: int | None = None) -> None:
    """Write a tab-separated table that ``read_table`` reads, whole or not at all.

    float_precision: decimals of numbers. Raises OutputError, also for a text that no table holds.
    """
    refuse_unwritable(path, table, OutputError)
    with atomic_path(path) as temporary:
        table.write_csv(temporary, separator="\t", float_precision=float_precision)


def refuse_unwritable(path: Path, table: pl.DataFrame, error: type[ContravoxError]) -> None:
    """Raises ``error`` for a text that no table of ours can hold; path: of the table."""
    for name, dtype in table.schema.items():
        if dtype == pl.String:
            broken = table[name].str.contains(f"(?s){UNWRITABLE}").arg_true()
            if len(broken):
                raise error(
                    f"{path}: {name} {quoted(table[name][int(broken[0])])} holds a carriage "
                    "return, a NUL byte, or both a tab and a line break: rename it"
                )


def _check_names(
    names: Sequence[str], needs: Sequence[str], path: Path, error: type[ContravoxError]
) -> None:
    if len(names) > MOST_COLUMNS:
        raise error(f"{path}: has {len(names):,} columns, over {MOST_COLUMNS:,}: give a row a line")
    for name in needs:
        if name not in names:
            raise error(
                f"{path}: has no column {name!r}, only {few(names)}: "
                f"the first line must name the columns {few(needs)}"
            )
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise error(f"{path}: has the column {quoted(twice)} twice: rename or remove one")


def _read_quoted(
    data: bytes, names: Sequence[str], separator: str, path: Path, error: type[ContravoxError]
) -> pl.DataFrame:
    """Read as ``read_table`` does, where fields may be in quotation marks.

    The parser of polars reads on to the next mark where one is not closed.
    """
    schema = dict.fromkeys(names, pl.String)
    rows = _quoted_rows(data, len(names), separator, path, error)
    next(rows)
    blocks = [pl.DataFrame(schema=schema)]
    while block := list(islice(rows, BLOCK)):
        columns = zip(*block, strict=True)
        blocks.append(pl.DataFrame(dict(zip(names, columns, strict=True)), schema=schema))
    return pl.concat(blocks).with_columns(pl.when(pl.all() != "").then(pl.all()))


def _quoted_rows(
    data: bytes, width: int, separator: str, path: Path, error: type[ContravoxError]
) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(data.decode(), newline="\n"), delimiter=separator, strict=True)
    while True:
        row = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as failure:
            raise error(_not_closed(path, row)) from failure
        if fields is None:
            return
        if reader.line_num > row and (
            len(fields) != width
            or width == 1
            or any("\n" in field and separator in field for field in fields)
        ):
            raise error(_not_closed(path, row))
        if len(fields) != width:
            raise error(_wrong_width(path, row, max(1, len(fields)), width))
        yield fields


def _header(data: bytes, separator: str, path: Path, error: type[ContravoxError]) -> list[str]:
    line = data[: data.index(b"\n")].decode()
    if not line.strip():
        empty = "row 1 is empty" if data.strip() else "is empty"
        raise error(f"{path}: {empty}: a table begins with the names of its columns")
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error as failure:
        raise error(_not_closed(path, 1)) from failure


def _not_closed(path: Path, row: int) -> str:
    return (
        f"{path}: row {row}: a quotation mark at the start of a field is not closed at its end: "
        'write such a name as """name"'
    )


def _wrong_width(path: Path, row: int, found: int, width: int) -> str:
    return f"{path}: row {row}: has {found:,} fields where the header has {width:,}: mend the row"

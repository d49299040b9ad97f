"""Tables and lists in text files, read and written as one.

A file is UTF-8, with or without a byte-order mark, with the line ends of Unix or Windows. A field
that begins with a quotation mark ends with one, and holds what is between them, as spreadsheets,
pandas and R write; elsewhere a quotation mark is a character like any other. A field in quotation
marks may hold separators, or line breaks, but not both: so a mark that somebody forgot to close
never makes one row of several. An empty field is a missing one.

Files are opened by their very names: no pattern, ``~`` or URL is expanded and nothing unpacked.
"""

import csv
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path

import polars as pl

from contravox.errors import ContravoxError, OutputError, brief, few, quoted
from contravox.files.writing import atomic_path

MOST_COLUMNS = 1_000
BLOCK = 100_000
"""Rows with quotation marks that are held as Python strings at a time."""

BLOCK_BYTES = 2**25
"""Bytes of a file that is read block by block: 32 MiB, and a line."""

UNWRITABLE = "[\r\0]|\n.*\t|\t.*\n"
"""What no text of a table may hold."""

UNTYPED, LOOKED_AT = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]"), 64
"""Bytes that no text is made of, looked for among so many of the first."""

UTF8_MARK, UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


def read_table(
    path: Path, error: type[ContravoxError], *, separator: str = "\t", needs: Sequence[str] = ()
) -> pl.DataFrame:
    """Read a table with a header as columns of strings.

    separator: a single character of ASCII. needs: columns that must be there.

    Raises ``error`` naming the file and the row, counted from the header on, which is row 1.
    """
    return pl.concat(read_table_blocks(path, error, separator=separator, needs=needs, size=-1))


def read_table_blocks(
    path: Path,
    error: type[ContravoxError],
    *,
    separator: str = "\t",
    needs: Sequence[str] = (),
    size: int = BLOCK_BYTES,
) -> Iterator[pl.DataFrame]:
    """As ``read_table``, about ``size`` bytes of the file at a time."""
    blocks = read_text_blocks(path, error, size)
    first = next(blocks)
    names = _header(first, separator, path, error)
    _check_names(names, needs, path, error)
    row, blocks = 1, chain([first], blocks)
    for data in blocks:
        if b'"' in data:
            rest = chain([data], blocks)
            yield from _read_quoted(rest, row, names, separator, path, error)
            return
        yield _read_plain(data, row, names, separator, path, error)
        row += data.count(b"\n")


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


def regular_lines(data: bytes, separator: str, width: int) -> pl.DataFrame | None:
    """Number, ``line``, and fields of each line, named by ``field_names``, of a text.

    None unless one separator, a tab or a space, always parts so many fields that are not empty: a
    parser takes a second for the millions of lines that patterns take twenty for.
    """
    # Blanks around a field are for patterns to take off.
    around = [b"\t ", b" \t", b"\n ", b" \n"] if separator == "\t" else [b"\t"]
    if data.startswith(b" ") or any(blanks in data for blanks in around):
        return None
    with suppress(pl.exceptions.PolarsError, OSError):
        fields = pl.read_csv(
            data, separator=separator, has_header=False, quote_char=None, infer_schema=False
        )
        if fields.width == width and not sum(fields.null_count().row(0)):
            fields.columns = field_names(width)
            return fields.with_row_index("line", offset=1)
    return None


def field_names(width: int) -> tuple[str, ...]:
    """What the fields of a line are called, where no header does: ``field1``, ``field2``, ..."""
    return tuple(f"field{number}" for number in range(1, width + 1))


def read_text(path: Path, error: type[ContravoxError]) -> bytes:
    r"""Read a text file as UTF-8 without a byte-order mark, each line ending in ``\n``.

    Raises ``error`` naming the file and, where there is one, the row.
    """
    [data] = read_text_blocks(path, error, -1)
    return data


def read_text_blocks(
    path: Path, error: type[ContravoxError], size: int = BLOCK_BYTES
) -> Iterator[bytes]:
    """As ``read_text``, whole lines of about ``size`` bytes at a time, -1 for all; at least one."""
    row, last, blank = 1, False, b""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise error(f"{path}: not a file: give a text file")
        with open(path, "rb") as file:
            while not last:
                data = file.read(size) + file.readline()
                data = _checked(data, row + len(blank), path, error)
                last = not file.peek(1)
                # Blank lines are kept for the next block: none of the file's end are of it.
                data, blank = _ended(blank + data)
                if row == 1 or data != b"\n":
                    yield data
                    row += data.count(b"\n")
                else:
                    blank += data
    except OSError as failure:
        reason = (failure.strerror or str(failure)).lower()
        raise error(f"{path}: cannot be read ({reason})") from failure


def _ended(data: bytes) -> tuple[bytes, bytes]:
    """A text with one line end at its end, and the further ones."""
    # A copy is the dearest step, so that a text which ends as it should is spared it.
    if data.endswith(b"\n") and not data.endswith(b"\n\n"):
        return data, b""
    ended = data.rstrip(b"\n") + b"\n"
    return ended, data[len(ended) :]


def _checked(data: bytes, row: int, path: Path, error: type[ContravoxError]) -> bytes:
    """A block of a text that begins in a ``row``, with the line ends of Unix."""
    if row == 1:
        if data.startswith(UTF16_MARKS):
            raise error(f"{path}: is in UTF-16: save it as UTF-8")
        data = data.removeprefix(UTF8_MARK)
        if b"\0" in data and _is_binary(data):
            raise error(f"{path}: is no text: give a table or list in plain text, in UTF-8")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    for byte, name in ((b"\0", "a NUL byte"), (b"\r", "a carriage return within a line")):
        if byte in data:
            row += data.count(b"\n", 0, data.index(byte))
            raise error(f"{path}: row {row}: holds {name}: save the file as plain text in UTF-8")
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as failure:
            row += data.count(b"\n", 0, failure.start)
            raise error(f"{path}: row {row}: is not UTF-8: save the file as UTF-8") from failure
    return data


def _is_binary(data: bytes) -> bool:
    """Whether a file that holds NUL bytes is no text at all: a model, audio, an archive."""
    return b"\0" in data.partition(b"\n")[0] or bool(UNTYPED.search(data[:LOOKED_AT]))


def count_lines(path: Path) -> int:
    """How many lines a file has, to tell how far its reading has come; 0 of no file."""
    if not path.is_file():
        return 0
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))


def write_table(path: Path, table: pl.DataFrame, *, float_precision: int | None = None) -> None:
    """Write a tab-separated table that ``read_table`` reads, whole or not at all.

    float_precision: decimals of numbers. Raises OutputError, also for a text that no table holds.
    """
    write_table_blocks(path, [table], float_precision=float_precision)


def write_table_blocks(
    path: Path, blocks: Iterable[pl.DataFrame], *, float_precision: int | None = None
) -> None:
    """As ``write_table``, a table that comes block by block; there is at least one."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        for number, block in enumerate(blocks):
            refuse_unwritable(path, block, OutputError)
            block.write_csv(
                file, include_header=not number, separator="\t", float_precision=float_precision
            )


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


def _read_plain(
    data: bytes,
    row: int,
    names: Sequence[str],
    separator: str,
    path: Path,
    error: type[ContravoxError],
) -> pl.DataFrame:
    """A block that begins in a ``row``, row 1 being the header, and has no quotation mark."""
    # What is left of each line is its separators; polars would fill short lines up without a word.
    marks = data.translate(None, delete=bytes(set(range(256)) - {*b"\n", *separator.encode()}))
    line = separator.encode() * (len(names) - 1) + b"\n"
    if marks != line * (len(marks) // len(line)):
        row, found = next(
            (row, len(found) + 1)
            for row, found in enumerate(marks.split(b"\n"), start=row)
            if len(found) + 1 != len(names)
        )
        raise error(_wrong_width(path, row, found, len(names)))
    try:
        table = pl.read_csv(
            data, separator=separator, has_header=row == 1, quote_char=None, infer_schema=False
        )
    except (pl.exceptions.PolarsError, OSError) as failure:
        raise error(f"{path}: not a table ({brief(str(failure))})") from failure
    table.columns = list(names)
    return table


def _read_quoted(
    blocks: Iterable[bytes],
    row: int,
    names: Sequence[str],
    separator: str,
    path: Path,
    error: type[ContravoxError],
) -> Iterator[pl.DataFrame]:
    """As ``_read_plain``, where fields may be in quotation marks, from one block to the next.

    The parser of polars reads on to the next mark where one is not closed.
    """
    schema = dict.fromkeys(names, pl.String)
    rows = _quoted_rows(blocks, row, len(names), separator, path, error)
    if row == 1:
        next(rows)
    yield pl.DataFrame(schema=schema)
    while block := list(islice(rows, BLOCK)):
        columns = zip(*block, strict=True)
        table = pl.DataFrame(dict(zip(names, columns, strict=True)), schema=schema)
        yield table.with_columns(pl.when(pl.all() != "").then(pl.all()))


def _quoted_rows(
    blocks: Iterable[bytes],
    first: int,
    width: int,
    separator: str,
    path: Path,
    error: type[ContravoxError],
) -> Iterator[list[str]]:
    lines = (f"{line}\n" for data in blocks for line in data.decode()[:-1].split("\n"))
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        row = reader.line_num + first
        try:
            fields = next(reader, None)
        except csv.Error as failure:
            raise error(_not_closed(path, row)) from failure
        if fields is None:
            return
        if reader.line_num + first > row + 1 and (
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

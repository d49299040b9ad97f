"""Trial lists as the public corpora write them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import polars as pl

from contravox.errors import TrialsError, brief, quoted
from contravox.files.tables import (
    field_names,
    lines_of,
    read_table_blocks,
    read_text_blocks,
    regular_lines,
)

TARGET_WORDS = {"1": True, "0": False}
TARGET_WORDS |= {"target": True, "nontarget": False, "tgt": True, "imp": False}
HEADER = ("enrolment", "test", "target")
FIELDS = field_names(3)

TargetPlace = Literal["first", "last"]
"""Which of a line's three fields says whether the trial is a target trial."""

ORDERS: dict[TargetPlace, tuple[str, str, str]] = {
    "first": ("target", "enrolment", "test"),
    "last": ("enrolment", "test", "target"),
}
"""What the fields of a line are, where no header says so."""

INNER_TAB = re.compile(rb"[^ \t\n] *\t[ \t]*[^ \t\n]")
"""A tab between two fields, not around a line."""


def read_trial_list(path: Path, target: TargetPlace | None = None) -> Iterator[pl.DataFrame]:
    """Columns enrolment, test and target (bool) of a list in any of the public styles.

    The list comes block by block, of whatever lengths, so that it may be longer than memory.

    target: which field of a line tells target trials, where the list has no header.

    Raises TrialsError naming the file and line.
    """
    if not path.is_file():
        raise TrialsError(f"{path}: no such trial list: `contravox prepare` writes one")
    blocks = read_text_blocks(path, TrialsError)
    first = next(blocks)
    line = first[: first.index(b"\n")].decode()
    if set(HEADER) <= {name.strip('"') for name in line.split("\t")}:
        tables = _with_header(path)
    else:
        tables = _without_header(path, _fields(chain([first], blocks)), target)
    empty = True
    for trials in tables:
        if len(trials):
            empty = False
            yield trials
    if empty:
        raise TrialsError(f"{path}: holds no trial")


def _without_header(
    path: Path, blocks: Iterator[pl.DataFrame], target: TargetPlace | None
) -> Iterator[pl.DataFrame]:
    """The trials of lines whose fields are known; the first of them may be a header of blanks."""
    read = [lines for lines in [next(blocks, None)] if lines is not None]
    names = read[0].select(FIELDS).row(0) if read else ()
    if set(names) == set(HEADER):
        read[0] = read[0].slice(1)
    else:
        names = ORDERS[target or _place_of_target(read, blocks, path)]
    order = dict(zip(names, FIELDS, strict=True))
    for lines in chain(read, blocks):
        trials = lines.select(
            pl.col(order["enrolment"]).alias("enrolment"),
            pl.col(order["test"]).alias("test"),
            _is_target(order["target"]).alias("target"),
        )
        if sum(trials.null_count().row(0)):
            bad = trials.select(pl.any_horizontal(pl.all().is_null())).to_series().arg_true()
            raise _no_trial(path, lines.row(int(bad[0]), named=True), names)
        yield trials


def _place_of_target(
    read: list[pl.DataFrame], blocks: Iterable[pl.DataFrame], path: Path
) -> TargetPlace:
    """Where every line says whether it is a target trial.

    As many more ``blocks`` are ``read`` as it takes to know, nearly always none.

    Raises TrialsError where it may be either place, as where utterances are named by numbers: read
    the wrong way round a list gives error rates like any other.
    """
    words = pl.col("field1", "field3").is_in(list(TARGET_WORDS)).fill_null(False)
    first = last = True
    for number, lines in enumerate(chain(read[:1], blocks)):
        if number:
            read.append(lines)
        begin, end = lines.select(words.all()).row(0)
        first, last = first and begin, last and end
        if first != last:
            return "first" if first else "last"
        if not first:
            # The style that more lines have, so that the line is named which has not.
            begun, ended = lines.select(words.sum()).row(0)
            return "first" if begun > ended else "last"
    if not read:
        return "last"
    raise TrialsError(
        f"{path}: every line begins and ends with a word such as 1 or 0: say which tells "
        "target trials by --target-column first or last, or by a header, such as "
        "`enrolment test target`"
    )


def _is_target(field: str) -> pl.Expr:
    return pl.col(field).replace_strict(TARGET_WORDS, default=None, return_dtype=pl.Boolean)


def _no_trial(path: Path, line: dict[str, Any], names: Sequence[str]) -> TrialsError:
    """What to say of a line that is not one of the fields ``names``."""
    text = line.get("text") or " ".join(line[field] for field in FIELDS)
    target, other = (" ".join(names).replace("target", digit) for digit in "10")
    return TrialsError(
        f"{path}: line {line['line']}: {quoted(text)} is not a trial: write `{target}` or "
        f"`{other}`, with spaces between, or with tabs in every line"
    )


def _with_header(path: Path) -> Iterator[pl.DataFrame]:
    """The trials of a table as ``Trials.write`` writes it, which may have more columns."""
    first = 2
    for table in read_table_blocks(path, TrialsError):
        fields = table.select(HEADER)
        trials = fields.with_columns(_is_target("target"))
        bad = trials.select(pl.any_horizontal(pl.all().is_null())).to_series().arg_true()
        if len(bad):
            row = int(bad[0])
            text = brief(" ".join(str(field or "") for field in fields.row(row)))
            raise TrialsError(
                f"{path}: row {first + row}: {quoted(text)} is not a trial: write "
                "`enrolment test 1` or `enrolment test 0`, with tabs between"
            )
        yield trials
        first += len(table)


def _fields(blocks: Iterable[bytes]) -> Iterator[pl.DataFrame]:
    """Each line's number and fields, of the lines that are not empty; see ``_irregular_lines``.

    Names may hold spaces only where tabs separate the fields, as the first block tells of all.
    """
    before, tabs = 0, None
    for data in blocks:
        if tabs is None:
            tabs = INNER_TAB.search(data) is not None
        lines = regular_lines(data, "\t" if tabs else " ", len(FIELDS))
        if lines is None:
            lines = _irregular_lines(data, tabs)
        if len(lines):
            yield lines.with_columns(pl.col("line") + before)
        before += data.count(b"\n")


def _irregular_lines(data: bytes, tabs: bool) -> pl.DataFrame:
    """Number, text and fields of each line that is not empty; fields are null without three."""
    name, gap = ("([^\t ](?:[^\t]*[^\t ])?)", " *\t *") if tabs else ("([^ \t]+)", " +")
    pattern = f"^{gap.join([name] * 3)}$"
    return lines_of(data).with_columns(
        pl.col("text").str.extract(pattern, group).alias(field)
        for group, field in enumerate(FIELDS, start=1)
    )

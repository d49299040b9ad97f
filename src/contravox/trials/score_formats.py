"""Score files as other toolkits write them."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from contravox.errors import TrialsError, few, quoted
from contravox.files.tables import lines_of, read_table, read_text
from contravox.trials.formats import TARGET_WORDS

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
    path: Path, trials: pl.DataFrame, fields: Sequence[str] | None = None
) -> pl.DataFrame:
    """Read the scores of a list's trials: columns enrolment, test, score, and target if there is.

    trials: the list, as ``Trials.table``. fields: what a line holds. Without them a header says so,
    or else the lines themselves do, where only one of the ORDERS gives numbers and trials of the
    list.

    Raises TrialsError naming the file and line; or where lines may be read in several ways.
    """
    if not path.is_file():
        raise TrialsError(f"{path}: no such file of scores")
    lines = _lines(path)
    names = [name.strip('"') for name in lines["fields"][0]]
    if fields is None and {"enrolment", "test", "score"} <= set(names):
        fields = [name if name in FIELDS else "_" for name in names]
        lines = _rows(path) if "\t" in lines["text"][0] else lines[1:]
    _check_widths(path, lines, fields)
    if fields is not None:
        return _parsed(path, lines, fields)
    width = len(lines["fields"][0])
    ways = [
        order
        for order in ORDERS
        if len(order) == width and not _bad_lines(_columns(lines, order)).any()
    ]
    listed = [
        order
        for order in ways
        if len(_columns(lines, order).join(trials, on=["enrolment", "test"], how="semi"))
    ]
    if len(listed or ways) == 1:
        return _parsed(path, lines, (listed or ways)[0])
    text = " ".join(lines["fields"][0])
    if ways:
        several = few([repr(" ".join(order)) for order in listed or ways])
        raise TrialsError(
            f"{path}: lines such as {quoted(text)} may be {several}: say which by --fields"
        )
    raise TrialsError(
        f"{path}: lines such as {quoted(text)} are no scores in an order that is known: say what "
        "their fields are by --fields, such as 'enrolment test score'"
    )


def _rows(path: Path) -> pl.DataFrame:
    """As ``_lines``, of a tab-separated table with a header, where names may be quoted."""
    rows = read_table(path, TrialsError).select(fields=pl.concat_list(pl.all()))
    return rows.with_row_index("line", offset=2)


def _lines(path: Path) -> pl.DataFrame:
    """Number, text and ``fields`` of each line: parted by tabs, or blanks where there is no tab."""
    lines = lines_of(read_text(path, TrialsError))
    if lines.is_empty():
        raise TrialsError(f"{path}: holds no score")
    text = pl.col("text")
    if not lines["text"].str.contains("\t", literal=True).any():
        text = text.str.replace_all(" +", "\t")
    return lines.select("line", "text", text.str.split("\t").alias("fields"))


def _check_widths(path: Path, lines: pl.DataFrame, fields: Sequence[str] | None) -> None:
    if lines.is_empty():
        raise TrialsError(f"{path}: holds no score")
    width = len(lines["fields"][0]) if fields is None else len(fields)
    wrong = lines.filter(pl.col("fields").list.len() != width)
    if len(wrong):
        raise TrialsError(
            f"{path}: line {wrong['line'][0]}: has {len(wrong['fields'][0])} fields in place of "
            f"{width}: write every line alike"
        )


def _columns(lines: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """The named fields of each line; null where they are not what they should be."""
    field = {name: pl.col("fields").list.get(place) for place, name in enumerate(fields)}
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
        # A field of nothing in quotation marks is none.
        text = " ".join(field or "" for field in lines["fields"][row])
        raise TrialsError(
            f"{path}: line {lines['line'][row]}: {quoted(text)} is not `{' '.join(fields)}`: write "
            "a finite number as the score, or say what the fields are by --fields"
        )
    return columns.drop("line")

"""Trial lists as the public corpora write them."""

from contextlib import suppress
from pathlib import Path

import polars as pl

from contravox.errors import TrialsError, brief
from contravox.tables import lines_of, read_table, read_text

TARGET_WORDS = {"1": True, "0": False}
TARGET_WORDS |= {"target": True, "nontarget": False, "tgt": True, "imp": False}
HEADER = ("enrolment", "test", "target")
FIELDS = ("field1", "field2", "field3")


def read_trial_list(path: Path) -> pl.DataFrame:
    """Columns enrolment, test and target (bool) of a list in any public style; see ``Trials.read``.

    Raises TrialsError naming the file and line.
    """
    if not path.is_file():
        raise TrialsError(f"{path}: no such trial list: `contravox prepare` writes one")
    data = read_text(path, TrialsError)
    if set(HEADER) <= set(data[: data.index(b"\n")].decode().split("\t")):
        return _with_header(path)
    lines = _regular_lines(data)
    if lines is None:
        lines = _irregular_lines(data)
    if len(lines) and lines.select(FIELDS).row(0) == HEADER:
        lines = lines.slice(1)
    if lines.is_empty():
        raise TrialsError(f"{path}: holds no trial")
    voxceleb = lines["field1"][0] in TARGET_WORDS
    word, enrolment, test = (1, 2, 3) if voxceleb else (3, 1, 2)
    trials = lines.select(
        pl.col(f"field{enrolment}").alias("enrolment"),
        pl.col(f"field{test}").alias("test"),
        pl.col(f"field{word}")
        .replace_strict(TARGET_WORDS, default=None, return_dtype=pl.Boolean)
        .alias("target"),
    )
    if sum(trials.null_count().row(0)):
        bad = trials.select(pl.any_horizontal(pl.all().is_null())).to_series().arg_true()
        line = lines.row(int(bad[0]), named=True)
        text = line.get("text") or " ".join(line[field] for field in FIELDS)
        raise TrialsError(
            f"{path}: line {line['line']}: {brief(text)!r} is not a trial: "
            "write `enrolment test 1` or `enrolment test 0`"
        )
    return trials


def _with_header(path: Path) -> pl.DataFrame:
    """A table as ``Trials.write`` writes it, which may have more columns."""
    table = read_table(path, TrialsError).select(HEADER)
    if table.is_empty():
        raise TrialsError(f"{path}: holds no trial")
    word = pl.col("target").replace_strict(TARGET_WORDS, default=None, return_dtype=pl.Boolean)
    trials = table.with_columns(word)
    bad = trials.select(pl.any_horizontal(pl.all().is_null())).to_series().arg_true()
    if len(bad):
        row = int(bad[0])
        text = brief(" ".join(str(field or "") for field in table.row(row)))
        raise TrialsError(
            f"{path}: row {row + 2}: {text!r} is not a trial: write `enrolment test 1` or "
            "`enrolment test 0`, with tabs between"
        )
    return trials


def _regular_lines(data: bytes) -> pl.DataFrame | None:
    """Each line's number and fields, where one tab, or one space, always parts three; else None.

    A parser takes a second for the millions of lines that patterns take twenty for.
    """
    separator = "\t" if b"\t" in data[: data.index(b"\n")] else " "
    # Blanks around a field are for the patterns to take off.
    around = [b"\t"] if separator == " " else [b"\t ", b" \t", b"\n ", b" \n"]
    if data.startswith(b" ") or any(blanks in data for blanks in around):
        return None
    with suppress(pl.exceptions.PolarsError, OSError):
        fields = pl.read_csv(
            data, separator=separator, has_header=False, quote_char=None, infer_schema=False
        )
        if fields.width == 3 and not sum(fields.null_count().row(0)):
            fields.columns = list(FIELDS)
            return fields.with_row_index("line", offset=1)
    return None


def _irregular_lines(data: bytes) -> pl.DataFrame:
    """Number, text and fields of each line that is not empty; fields are null without three."""
    lines = lines_of(data)
    # Names may hold spaces only where tabs separate the fields.
    tabs = lines["text"].str.contains("\t", literal=True).any()
    name, gap = ("([^\t ](?:[^\t]*[^\t ])?)", " *\t *") if tabs else ("([^ ]+)", " +")
    pattern = f"^{gap.join([name] * 3)}$"
    return lines.with_columns(
        pl.col("text").str.extract(pattern, group).alias(field)
        for group, field in enumerate(FIELDS, start=1)
    )

import csv
import io
import os

import numpy as np
import polars as pl
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from contravox.errors import ManifestError, OutputError
from contravox.files.tables import (
    count_lines,
    read_lines,
    read_table,
    read_table_blocks,
    read_text,
    read_text_blocks,
    write_table,
    write_table_blocks,
)
from contravox.inference.default_model import DEFAULT_MODEL
from hostile import BEARABLE, value_or_line

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")).filter(
    lambda text: not {"\t", "\n"} <= set(text)
)
awkward = st.sampled_from(
    ['"', '""', 'a"', '"a', '"a"', "\t", "#a", " a ", "'", "\\", ",", "\u2028", "\n", "a\nb"]
)
fields = st.one_of(awkward, texts, st.none())
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(fields, min_size=width, max_size=width), min_size=1)
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "t.tsv"


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(path):
    return read_table(path, ManifestError).rows()


@given(rows=tables)
def test_what_is_written_is_read(path, rows):
    # A last row of nothing, in one column, is an empty line at the end of a file.
    columns = [*map(str, range(len(rows[0]))), "end"]
    table = pl.DataFrame([(*row, "x") for row in rows], schema=columns, orient="row")
    table = table.cast(pl.String)
    write_table(path, table)
    missing = table.with_columns(pl.when(pl.all() != "").then(pl.all()))
    assert read_table(path, ManifestError).equals(missing)


def slowly(data):
    """Rows of a text, each line read for itself; None where that is no table."""
    lines = data.decode("utf-8-sig").replace("\r\n", "\n").rstrip("\n").split("\n")
    try:
        table = [next(csv.reader([line], delimiter="\t", strict=True)) or [""] for line in lines]
    except csv.Error:
        return None
    if len({len(row) for row in table}) > 1:
        return None
    return [tuple(field or None for field in row) for row in table[1:]]


@given(
    data=st.one_of(
        st.binary(),
        st.lists(st.sampled_from(list(b'ab"\t\n\r\xef\xbb\xbf\0\xff,x\x01')), max_size=60).map(
            bytes
        ),
        st.lists(st.sampled_from(["a", "b", '"', "\t", "\n", "\r\n", " "]), max_size=60).map(
            lambda parts: "".join(parts).encode()
        ),
    )
)
def test_any_bytes_are_the_rows_of_their_lines_or_one_line_of_error(path, data):
    read = value_or_line(rows, path, data)
    if read is None:
        return
    if slowly(data) is not None:
        assert read == slowly(data)
    # No line is lost, and none is part of a field that could have been a row.
    breaks = [field for row in read for field in row if field and "\n" in field]
    assert not any("\t" in field for field in breaks)
    lines = data.replace(b"\r\n", b"\n").rstrip(b"\n").count(b"\n")
    assert len(read) + sum(field.count("\n") for field in breaks) == lines


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("\ufeff", "is empty"),
        ("\na\tb\n", "row 1 is empty"),
        ("a\tb\n1\n", "row 2: has 1 fields where the header has 2"),
        ("a\tb\n1\t2\n1\t2\t3\n", "row 3: has 3 fields where the header has 2"),
        ('a\tb\n1\t"2"\n1\t"2"\t3\n', "row 3: has 3 fields where the header has 2"),
        ("a\tb\n1\t2\n\n1\t2\n", "row 3: has 1 fields where the header has 2"),
        ("a\tb\ta\n1\t2\t3\n", "has the column 'a' twice"),
        ('a\tb\n"ann\t1\nbob"\t2\n', "row 2: a quotation mark at the start .* is not closed"),
        ('a\tb\n"ann"s\t1\n', "row 2: a quotation mark"),
        ('a\tb\n1\t2\n"ann\t1\n' + "x\ty\n" * 100_000, "row 3: a quotation mark"),
        ('a\n"ann\nbob"\n', "row 2: a quotation mark"),
        ('"a\tb\n1\t2\n', "row 1: a quotation mark"),
        ("a\tb\n1\t\0\n", "row 2: holds a NUL byte"),
        ("a\tb\r1\t2\r", "row 1: holds a carriage return"),
        (b"a\tb\n1\t\xe9t\xe9\n", "row 2: is not UTF-8"),
        ("a\tb\n1\t2\n".encode("utf-16"), "is in UTF-16"),
        ("a\tb\n1\t2\n".encode("utf-16-le"), "is no text: give a table or list in plain text"),
        (b"\x1f\x8b\x08\x00", "is no text"),
        (b"a\tb\n" + b"1\t2\n" * 20 + b"1\t\x01\0\n", "row 22: holds a NUL byte"),
        (b"x\x01\ta\n1\t2\n", "not a table"),
        ("\t".join(map(str, range(200_000))), "200,000 columns, over 1,000"),
        ("a\t" * 200_000 + '"', "row 1: a quotation mark|200,001 columns"),
    ],
)
def test_mistakes_are_one_line_that_names_the_file_and_row(path, content, reason):
    with pytest.raises(ManifestError, match=rf"t\.tsv: .*({reason})") as raised:
        rows(written(path, content))
    assert len(str(raised.value)) < BEARABLE


def binaries():
    """The beginnings of files that are given in place of a manifest or a list."""
    archive, table, sound = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(archive, utterances=["a"], embeddings=np.ones((1, 2)))
    pl.DataFrame({"utterance": ["a"]}).write_parquet(table)
    soundfile.write(sound, np.zeros(9000), 16_000, format="WAV")
    return {
        "onnx": DEFAULT_MODEL.read_bytes(),
        "npz": archive.getvalue(),
        "parquet": table.getvalue(),
        "wav": sound.getvalue(),
        "safetensors": b"\x0a\x01\0\0\0\0\0\0" + b'{"a": 1}' + bytes(9),
    }


@pytest.mark.parametrize("kind", ["onnx", "npz", "parquet", "wav", "safetensors"])
def test_a_file_that_is_no_text_is_told_so_and_not_by_a_row(path, kind):
    content = binaries()[kind]
    with pytest.raises(ManifestError, match=r"t\.tsv: is no text: give a table or list in plain"):
        rows(written(path, content))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("\ufeffa\tb\r\n1\t2\r\n", [("1", "2")]),
        ("a\tb\n1\t2", [("1", "2")]),
        ("a\tb\n1\t2\n\n\n", [("1", "2")]),
        ("a\tb\n", []),
        ('a\tb\nit\'s 5"\tx"y"\n', [("it's 5\"", 'x"y"')]),
        ('"a"\tb\n"1\t2"\t"say ""hi"""\n', [("1\t2", 'say "hi"')]),
        ('a\tb\n""\t\n', [(None, None)]),
        ('a\tb\n"1\n2"\t"3\n"\n', [("1\n2", "3\n")]),
        ("a\tb\n#1\t 2 \n", [("#1", " 2 ")]),
        ("a\tb\nx\x85y\t1\u2028\n", [("x\x85y", "1\u2028")]),
    ],
)
def test_marks_line_ends_and_quotation_marks(path, content, expected):
    assert rows(written(path, content)) == expected


def test_a_column_that_is_not_there_is_named_with_a_few_that_are(path):
    written(path, "\t".join(f"column {number}" for number in range(500)))
    with pytest.raises(
        ManifestError, match=r"no column 'speaker', only column 0, .*500 in all"
    ) as e:
        read_table(path, ManifestError, needs=("speaker",))
    assert len(str(e.value)) < BEARABLE


@pytest.mark.parametrize("name", ["gl*b.tsv", "gl[ab]b.tsv", "gl?b.tsv", "~", "a,b.tsv"])
def test_no_pattern_is_expanded_in_a_path(tmp_path, name, monkeypatch):
    written(tmp_path / "glab.tsv", "a\nother\n")
    monkeypatch.setenv("HOME", str(tmp_path / "glab.tsv"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ManifestError, match="cannot be read"):
        read_table(tmp_path / name, ManifestError)
    assert rows(written(tmp_path / name, "a\nmine\n")) == [("mine",)]


@pytest.mark.parametrize("place", ["", "fifo"])
def test_only_files_are_opened(tmp_path, place):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ManifestError, match="not a file"):
        read_table(tmp_path / place, ManifestError)


def test_rows_with_quotation_marks_are_read_in_blocks(path, monkeypatch):
    monkeypatch.setattr("contravox.files.tables.BLOCK", 3)
    table = pl.DataFrame({"a": [f'"{row}' for row in range(10)], "b": ["x"] * 10})
    write_table(path, table)
    assert read_table(path, ManifestError).equals(table)


@pytest.mark.parametrize("name", ["a\rb", "a\0b", "a\tx\nb", "a\nx\tb"])
def test_a_name_that_no_table_can_hold_is_not_written(tmp_path, name):
    with pytest.raises(OutputError, match=r"t\.tsv: a 'a.*b' holds a carriage return, a NUL"):
        write_table(tmp_path / "t.tsv", pl.DataFrame({"a": ["ok", name]}))
    assert not list(tmp_path.iterdir())


def test_lines_of_a_list(path):
    written(path, "\ufeffone 1\r\n\n  two\u2028 2\n")
    assert read_lines(path, ManifestError).rows() == [(1, "one 1"), (3, "two\u2028 2")]


@given(rows=tables, size=st.integers(1, 40))
def test_a_table_in_blocks_is_the_table(path, rows, size):
    columns = [*map(str, range(len(rows[0]))), "end"]
    table = pl.DataFrame([(*row, "x") for row in rows], schema=columns, orient="row")
    table = table.cast(pl.String)
    whole = path.with_name("whole.tsv")
    write_table(whole, table)
    write_table_blocks(path, (table[row : row + 1] for row in range(len(table))))
    assert path.read_bytes() == whole.read_bytes()
    assert count_lines(path) == path.read_bytes().count(b"\n")
    blocks = list(read_table_blocks(path, ManifestError, size=size))
    assert pl.concat(blocks).equals(read_table(path, ManifestError))


TEXTS = ["", "a", "é", "\t", "b\tc", '"', '"d\te"', "\r", "\0", "\udcff"]
LINES = st.lists(st.sampled_from(TEXTS), max_size=9)


@given(lines=LINES, end=st.sampled_from(["", "\n", "\n\n\n"]), size=st.integers(1, 12))
def test_a_text_in_blocks_is_the_text(path, lines, end, size):
    """And is refused by the same words."""
    written(path, ("\n".join(lines) + end).encode("utf-8", "surrogateescape"))

    def outcome(read):
        try:
            return read()
        except ManifestError as error:
            return str(error)

    def joined():
        blocks = list(read_text_blocks(path, ManifestError, size))
        assert all(block.endswith(b"\n") for block in blocks)
        assert len(max(blocks, key=len)) <= size + 20
        return b"".join(blocks)

    found, whole = outcome(joined), outcome(lambda: read_text(path, ManifestError))
    faults = {"\r", "\0", "\udcff"} & set(lines)
    # Of several faults that in the first block is told.
    assert found == whole or (len(faults) > 1 and isinstance(found, str) and isinstance(whole, str))


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("1\t2\n" * 9 + "3\n", "row 11: has 1 fields"),
        ("1\t2\n" * 5 + '3\t"4"\n' * 4 + "5\t6\t7\n", "row 11: has 3 fields"),
        ("1\t2\n" * 9 + '3\t"4\n', "row 11: a quotation mark"),
    ],
)
def test_mistakes_in_a_later_block_name_the_row(path, rows, reason):
    written(path, f"a\tb\n{rows}")
    with pytest.raises(ManifestError, match=reason):
        list(read_table_blocks(path, ManifestError, size=8))

from contextlib import suppress

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contravox.errors import TrialsError
from contravox.files.tables import read_table_blocks, read_text_blocks
from contravox.trials import formats
from contravox.trials.trials import Trials
from hostile import value_or_line

EXPECTED = [("a/1.wav", "a/2.wav", True), ("a/1.wav", "b/1.wav", False)]


@pytest.mark.parametrize(
    "text",
    [
        "1 a/1.wav a/2.wav\n0 a/1.wav b/1.wav\n",
        "a/1.wav a/2.wav 1\na/1.wav b/1.wav 0\n",
        "a/1.wav a/2.wav target\na/1.wav b/1.wav nontarget\n",
        "a/1.wav   a/2.wav tgt  \n\na/1.wav b/1.wav imp",
        "enrolment\ttest\ttarget\na/1.wav\ta/2.wav\t1\na/1.wav\tb/1.wav\t0\n",
        '"enrolment"\t"test"\t"target"\n"a/1.wav"\t"a/2.wav"\t1\n"a/1.wav"\t"b/1.wav"\t0\n',
    ],
)
def test_every_public_style_is_recognised(tmp_path, text):
    path = tmp_path / "trials"
    path.write_text(text)
    assert Trials.read(path).table.rows() == EXPECTED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 a b\n0 a\n", "line 2: '0 a' is not a trial"),
        ("\n1 a b\nmaybe a b\n", "line 3: 'maybe a b' is not a trial"),
        ("a b c\n", "line 1"),
        ("enrolment test target\n", "holds no trial"),
        ("", "holds no trial"),
    ],
)
def test_mistakes_name_the_file_and_line(tmp_path, text, reason):
    path = tmp_path / "trials"
    path.write_text(text)
    with pytest.raises(TrialsError, match=reason) as caught:
        Trials.read(path)
    assert str(path) in str(caught.value)


def test_regular_lists_are_read_as_irregular_ones(tmp_path):
    regular, irregular = tmp_path / "regular", tmp_path / "irregular"
    regular.write_text("a/1.wav a/2.wav 1\na/1.wav b/1.wav 0\n")
    irregular.write_text("\na/1.wav  a/2.wav 1\r\n\na/1.wav\tb/1.wav 0 \n".replace("\t", " "))
    for path in (regular, irregular):
        assert Trials.read(path).table.rows() == EXPECTED


NAMES = ['"', 'a"b', '"a"', "a b", " a ", "#a", "\u2028", "a\x85b", "1", "target", "ann\té"]


def test_any_names_come_back_as_they_were(tmp_path):
    table = pl.DataFrame(
        {"enrolment": NAMES, "test": NAMES[::-1], "target": [True, False] * 5 + [True]}
    )
    Trials(table).write(tmp_path / "trials.tsv")
    assert Trials.read(tmp_path / "trials.tsv").table.equals(table)


def test_a_header_names_the_columns_in_any_order(tmp_path):
    (tmp_path / "t").write_text("score\ttarget\ttest\tenrolment\n0.5\t1\ta/2.wav\ta/1.wav\n")
    assert Trials.read(tmp_path / "t").table.rows() == EXPECTED[:1]


@pytest.mark.parametrize("text", ["a/1.wav a/2.wav 1", "a/1.wav\ta/2.wav\t1", "1  a/1.wav a/2.wav"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_marks_and_line_ends_are_no_part_of_a_name(tmp_path, text, mark, end):
    path = tmp_path / "trials"
    path.write_bytes(f"{mark}{text}{end}".encode())
    assert Trials.read(path).table.rows() == EXPECTED[:1]


def test_no_pattern_is_expanded_in_a_path(tmp_path):
    (tmp_path / "tab.txt").write_text("c d 0\n")
    (tmp_path / "t*.txt").write_text("a/1.wav a/2.wav 1\n")
    assert Trials.read(tmp_path / "t*.txt").table.rows() == EXPECTED[:1]


BLANKS = [
    "a/1.wav a/2.wav 1\na/1.wav\u3000b/1.wav x 0\n",
    "\na/1.wav a/2.wav 1\na/1.wav\u3000b/1.wav x 0\n",
    "a/1.wav\ta/2.wav\t1\na/1.wav\u3000b/1.wav \tx\t0\n",
    " a/1.wav\ta/2.wav\t1\n\na/1.wav\u3000b/1.wav\t x\t0\n",
]


@pytest.mark.parametrize("text", BLANKS)
def test_blanks_around_a_name_are_none_of_it_and_those_of_other_scripts_are(tmp_path, text):
    (tmp_path / "t").write_text(text)
    rows = Trials.read(tmp_path / "t").table.rows()
    assert rows == [EXPECTED[0], ("a/1.wav\u3000b/1.wav", "x", False)]


def test_a_name_of_blanks_is_none(tmp_path):
    (tmp_path / "t").write_text("a\t \t1\n")
    with pytest.raises(TrialsError, match=r"line 1: .* is not a trial"):
        Trials.read(tmp_path / "t")


@given(
    data=st.one_of(
        st.binary(),
        st.lists(st.sampled_from(["a", "1", "0", '"', "\t", "\n", "\r", " "]), max_size=40).map(
            lambda parts: "".join(parts).encode()
        ),
    )
)
def test_any_bytes_are_trials_or_one_line_of_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    trials = value_or_line(Trials.read, path, data)
    if trials is None:
        return
    table = trials.table
    assert sum(table.null_count().row(0)) == 0
    text = data.decode("utf-8-sig")
    assert len(table) == sum(bool(line.strip()) for line in text.split("\n"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 a b\n0 a c\n1 a 0\nx a 1\n", r"line 4: 'x a 1' .* write `1 enrolment test` or"),
        ("a b 1\na c 0\n1 b 0\n1 b x\n", r"line 4: '1 b x' .* write `enrolment test 1` or"),
        ("test target enrolment\na x b\n", r"line 2: .* write `test 1 enrolment` or"),
        ("a\tb\t1\nc d 0\n", r"line 2: 'c d 0' .* or with tabs in every line"),
    ],
)
def test_a_mistake_is_told_in_the_style_of_the_other_lines(tmp_path, text, reason):
    path = tmp_path / "trials"
    path.write_text(text)
    with pytest.raises(TrialsError, match=reason):
        Trials.read(path)


ZERO_ONE = [("0", "0", True), ("0", "1", False), ("1", "1", True)]
"""Utterances named by numbers, each of which may be a word that tells target trials."""


@pytest.mark.parametrize(
    "header", ["enrolment\ttest\ttarget\n", "enrolment test target\n", "target enrolment test\n"]
)
def test_a_header_decides_which_field_is_which(tmp_path, header):
    path = tmp_path / "trials"
    separator = "\t" if "\t" in header else " "
    rows = [dict(zip(["enrolment", "test", "target"], row, strict=True)) for row in ZERO_ONE]
    lines = [
        separator.join(
            str(int(row[name]) if name == "target" else row[name]) for name in header.split()
        )
        for row in rows
    ]
    path.write_text(header + "".join(f"{line}\n" for line in lines))
    assert Trials.read(path).table.rows() == ZERO_ONE


def test_a_list_that_may_be_read_in_two_ways_is_refused_until_it_is_said(tmp_path):
    path = tmp_path / "trials"
    path.write_text("0 0 1\n0 1 0\n1 1 1\n")
    with pytest.raises(TrialsError, match="--target-column first or last") as caught:
        Trials.read(path)
    assert str(path) in str(caught.value)
    assert Trials.read(path, "last").table.rows() == ZERO_ONE
    assert Trials.read(path, "first").table.rows() == [
        ("0", "1", False),
        ("1", "0", False),
        ("1", "1", True),
    ]


def test_all_lines_together_decide(tmp_path):
    """The first trials of a list in order of its names look like labels."""
    path = tmp_path / "trials"
    path.write_text("0 0 1\n0 1 0\n2 1 0\n")
    assert Trials.read(path).table.rows() == [*ZERO_ONE[:2], ("2", "1", False)]
    path.write_text("1 0 0\n0 0 1\n0 1 2\n")
    assert Trials.read(path).table.rows()[2] == ("1", "2", False)


NUMBERS = st.lists(
    st.tuples(
        st.sampled_from(["0", "1", "2", "target", "x y"]),
        st.sampled_from(["0", "1", "imp"]),
        st.booleans(),
    ),
    min_size=1,
)


@given(NUMBERS, st.sampled_from(["first", "last"]))
def test_a_list_is_read_back_or_refused_in_whatever_style(tmp_path_factory, rows, style):
    path = tmp_path_factory.mktemp("list") / "trials"
    fields = [(a, b, "tgt" if same else "0") for a, b, same in rows]
    path.write_text(
        "".join("\t".join(row if style == "last" else (row[2], *row[:2])) + "\n" for row in fields)
    )
    assert Trials.read(path, style).table.rows() == rows
    with suppress(TrialsError):
        assert Trials.read(path).table.rows() == rows


def blocks_of(size, monkeypatch):
    """Lists are read by blocks of so many bytes."""
    monkeypatch.setattr(
        formats, "read_text_blocks", lambda path, error: read_text_blocks(path, error, size)
    )
    monkeypatch.setattr(
        formats, "read_table_blocks", lambda path, error: read_table_blocks(path, error, size=size)
    )


@pytest.mark.parametrize("size", [1, 7, 30])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a b 1\n\na c 0\na b c 1\n", "line 4: 'a b c 1' .* write `enrolment test 1`"),
        ("a b 1\na\tc d 0\n", "line [12]: "),
        ("a\tb c\t1\na\tb\t0\nd e 1\n", "line 3: 'd e 1' .* with tabs in every line"),
        ("0 0 1\n0 1 0\n0 0 1\n", "--target-column first or last"),
        ("test target enrolment\na 1 b\na 2 b\n", "line 3: .* write `test 1 enrolment`"),
        ('enrolment\ttest\ttarget\na\tb\t1\n"a"\tb\t2\n', "row 3: 'a b 2' is not a trial"),
        ("\n \n\n", "holds no trial"),
    ],
)
def test_mistakes_are_told_wherever_blocks_end(tmp_path, monkeypatch, size, text, reason):
    blocks_of(size, monkeypatch)
    path = tmp_path / "trials"
    path.write_text(text)
    with pytest.raises(TrialsError, match=reason):
        Trials.read(path)


@pytest.mark.parametrize("size", [1, 9, 25])
@pytest.mark.parametrize(
    "text",
    [
        "0 0 1\n0 1 0\n1 1 1\n2 1 0\n",
        "1 0 0\n0 0 1\n1 1 1\n0 1 2\n",
        "enrolment test target\n0 0 1\n0 1 0\n",
        "a\tb c\t1\n a\tb \t0\n",
        'enrolment\ttest\ttarget\na\tb\t1\n"a\nc"\t"b\td"\t0\ne\tf\t1\n',
    ],
)
def test_lists_in_blocks_are_the_lists(tmp_path, monkeypatch, size, text):
    path = tmp_path / "trials"
    path.write_text(text)
    whole = Trials.read(path).table
    blocks_of(size, monkeypatch)
    assert Trials.read(path).table.equals(whole)

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contravox.errors import TrialsError
from contravox.trials.enrolments import Enrolments
from hostile import mutations, value_or_line


def test_written_and_read_again(tmp_path):
    table = pl.DataFrame({"enrolment": ["a b", "a b", "c"], "utterance": ["1", "2 é", "1"]})
    Enrolments(table).write(tmp_path / "e.tsv")
    read = Enrolments.read(tmp_path / "e.tsv")
    assert read.table.equals(table)
    assert read.utterances.sort().to_list() == ["1", "2 é"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("enrolment\tutterance\n", "holds no enrolment"),
        ("a\tb\n1\t2\n", "has no column 'enrolment', only a, b"),
        ("enrolment\tutterance\na\tb\na\t\n", "row 3: has no utterance"),
        ("enrolment\tutterance\na\tb\na\tc\nb\tb\na\tb\n", "row 5: utterance 'b' is behind"),
        ("enrolment\tutterance\n \tb\n", "row 2: has no enrolment"),
    ],
)
def test_another_table_is_refused_by_name(tmp_path, text, reason):
    path = tmp_path / "e.tsv"
    path.write_text(text)
    with pytest.raises(TrialsError, match=rf"e\.tsv: {reason}"):
        Enrolments.read(path)


@pytest.mark.parametrize("name", ['"', '"a"', 'a"', " a ", "#a", "a\tb", "a\u2028b"])
def test_any_name_comes_back_as_it_was(tmp_path, name):
    table = pl.DataFrame({"enrolment": [name, "b"], "utterance": ["c", name]})
    Enrolments(table).write(tmp_path / "e.tsv")
    assert Enrolments.read(tmp_path / "e.tsv").table.equals(table)


VALID = b'enrolment\tutterance\na\tb\n"a ""1"""\tc\n'


@given(data=st.one_of(st.binary(), mutations(VALID)))
def test_any_bytes_are_enrolments_or_one_line_of_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.tsv"
    enrolments = value_or_line(Enrolments.read, path, data)
    if enrolments is not None:
        assert 0 < len(enrolments.table) <= data.count(b"\n")
        assert sum(enrolments.table.null_count().row(0)) == 0

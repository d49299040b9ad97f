import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

import trees
from contravox.corpora.lists import find_list, read_list
from contravox.errors import ManifestError
from hostile import mutations, value_or_line


def test_lists_are_found_up_to_two_levels_below(tmp_path):
    assert find_list(tmp_path, "x/a.lst") is None
    trees.write_lines(tmp_path / "m" / "n" / "x" / "a.lst")
    assert find_list(tmp_path, "x/a.lst") == tmp_path / "m" / "n" / "x" / "a.lst"
    trees.write_lines(tmp_path / "x" / "a.lst")
    assert find_list(tmp_path, "x/a.lst") == tmp_path / "x" / "a.lst"


def test_a_line_that_is_something_else_is_named(tmp_path):
    path = tmp_path / "a.lst"
    path.write_text("one 1\r\n\n  two 2\n", encoding="utf-8")
    pattern = r"^(?<name>\S+)\s+(?<number>\d+)$"
    assert read_list(path, pattern, "name number").rows() == [("one", "1"), ("two", "2")]
    trees.write_lines(path, "one 1", "", "two")
    with pytest.raises(ManifestError, match=r"a\.lst: line 3: 'two' is not `name number`"):
        read_list(path, pattern, "name number")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ManifestError, match=r"a\.lst: is in UTF-16"):
        read_list(path, pattern, "name number")


@pytest.mark.parametrize("corpus", ["voxceleb1", "cnceleb", "voices", "librispeech"])
def test_lists_of_a_release_as_windows_writes_them(prepare, tmp_path, corpus):
    """With a byte-order mark, its line ends, and lines of nothing."""
    getattr(trees, corpus)(tmp_path / "in")
    expected = prepare(corpus, tmp_path / "in").files()
    shutil.rmtree(tmp_path / "out")
    texts = [
        path
        for path in (tmp_path / "in").rglob("*")
        if path.suffix in (".txt", ".lst", ".csv", ".map", ".TXT")
    ]
    assert texts
    for path in texts:
        text = path.read_text().replace("\n", "\r\n")
        path.write_bytes(f"\ufeff{text}\r\n \r\n".encode())
    assert prepare(corpus, tmp_path / "in").files() == expected


@given(data=st.one_of(st.binary(), mutations(b"one 1\ntwo 2\n")))
def test_any_bytes_are_a_list_or_one_line_of_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.lst"

    def read(path):
        return read_list(path, r"^(?<name>\S+)\s+(?<number>\d+)$", "name number", once="name")

    rows = value_or_line(read, path, data)
    if rows is not None:
        assert len(rows) <= data.count(b"\n") + 1
        assert rows["name"].is_unique().all()

import pytest

import trees
from contravox.corpora.lists import find_list, read_list
from contravox.errors import ManifestError


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

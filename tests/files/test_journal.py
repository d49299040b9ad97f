import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contravox.files.journal import Journal
from hostile import mutations

SCHEMA = {"path": pl.String, "size": pl.Int64}
ROWS = pl.DataFrame({"path": ["a", None, "b\n"], "size": [1, -1, None]}, schema=SCHEMA)


def test_blocks_are_read_together(tmp_path):
    journal = Journal(tmp_path / "j", SCHEMA)
    assert journal.read().is_empty()
    journal.append(ROWS[:2])
    journal.append(ROWS[2:])
    journal.append(ROWS[2:])
    assert sorted(journal.read().rows(), key=str) == sorted(ROWS.rows(), key=str)
    journal.remove()
    assert not (tmp_path / "j").exists()


def test_blocks_of_another_version_are_forgotten(tmp_path):
    Journal(tmp_path, SCHEMA | {"digest": pl.String}).append(ROWS.with_columns(digest=pl.lit("x")))
    assert Journal(tmp_path, SCHEMA).read().is_empty()
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("valid")
    Journal(folder, SCHEMA).append(ROWS)
    [block] = folder.iterdir()
    return block.name, block.read_bytes()


@given(data=st.data())
def test_a_damaged_block_is_forgotten_and_no_parser_sees_it(tmp_path_factory, valid, data):
    """Some damage ends the process: a test that comes back at all is half of it."""
    folder, (name, whole) = tmp_path_factory.mktemp("damaged"), valid
    content = data.draw(mutations(whole))
    (folder / name).write_bytes(content)
    expected = ROWS if content == whole else ROWS[:0]
    assert Journal(folder, SCHEMA).read().equals(expected)
    assert (folder / name).exists() == (content == whole)

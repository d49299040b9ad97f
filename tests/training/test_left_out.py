import warnings

import numpy as np
import polars as pl
import pytest

from contravox.data.dataset import Unreadable
from contravox.errors import TrainingError, TrainingWarning
from contravox.training.left_out import LeftOut

NAMES = pl.Series([f"u{row}" for row in range(20)])
LABELS = np.concatenate([np.arange(20) // 5, 4 + np.arange(20) // 5])
"""At two speeds."""


def left_out(folder, share=0.1, writes=True, **more):
    listed = folder / "unreadable.tsv"
    return LeftOut(NAMES, LABELS, share=share, listed=listed, writes=writes, **more)


def test_what_is_left_out_is_listed_and_said_once(tmp_path):
    found = left_out(tmp_path)
    with pytest.warns(TrainingWarning) as said:
        found.note([Unreadable(3, "a.wav", "a.wav: empty:\n copy it again")])
    found.note([Unreadable(3, "a.wav", "a.wav: empty"), Unreadable(None, "n.wav", "n.wav: gone")])
    assert [str(each.message) for each in said] == [
        f"left out, all in {tmp_path}/unreadable.tsv: a.wav: empty: copy it again"
    ]
    table = pl.read_csv(tmp_path / "unreadable.tsv", separator="\t")
    assert table.rows() == [
        ("u3", "a.wav", "a.wav: empty: copy it again"),
        ("(noise)", "n.wav", "n.wav: gone"),
    ]
    assert len(found) == 1
    assert np.flatnonzero(found.gone).tolist() == [3, 23]
    again = left_out(tmp_path, known=map(Unreadable._make, found.entries))
    (tmp_path / "unreadable.tsv").unlink()
    again.write()
    assert pl.read_csv(tmp_path / "unreadable.tsv", separator="\t").equals(table)
    assert again.found == found.found
    assert np.array_equal(again.gone, found.gone)
    left_out(tmp_path, writes=False).write()
    assert (tmp_path / "unreadable.tsv").exists()
    left_out(tmp_path).write()
    assert not (tmp_path / "unreadable.tsv").exists()
    left_out(tmp_path).write()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again.note([Unreadable(4, "b.wav", "b.wav: empty")])


def test_more_than_the_share_is_too_much(tmp_path):
    found = left_out(tmp_path)
    with pytest.warns(TrainingWarning):
        found.note([Unreadable(row, f"{row}.wav", "empty") for row in (0, 7)])
    # Noises do not count: others are drawn.
    found.note([Unreadable(None, f"n{row}.wav", "empty") for row in range(9)])
    with pytest.raises(
        TrainingError, match=r"^8\.wav: bad: 3 of 20 utterances .*, all in .*unreadable\.tsv: mend"
    ):
        found.note([Unreadable(8, "8.wav", "8.wav: bad")])
    assert len(pl.read_csv(tmp_path / "unreadable.tsv", separator="\t")) == 12
    with pytest.raises(TrainingError, match="1 of 20"):
        left_out(tmp_path, share=0, writes=False).note([Unreadable(8, "8.wav", "8.wav: bad")])


def test_a_process_that_does_not_write_says_nothing(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        left_out(tmp_path, writes=False).note([Unreadable(3, "a.wav", "a.wav: empty")])
    assert not list(tmp_path.iterdir())

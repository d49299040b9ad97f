import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contravox.errors import TrialsError
from contravox.trials.scores import align_scores, aligned_scores, write_scores
from contravox.trials.trials import Trials
from hostile import mutations, value_or_line

NAMES = ['"', 'a"b', '"a"', " a ", "#a", "a\tb", "a\nb", "\u2028", "1"]
TRIALS = Trials(
    pl.DataFrame({"enrolment": ["a", "a"], "test": ["b", 'c "d'], "target": [True, False]})
)
VALID = b'enrolment\ttest\ttarget\tscore\na\tb\t1\t0.5\na\t"c ""d"\t0\t-1.25e-1\n'


def test_scores_of_any_names_come_back_in_the_order_of_the_list(tmp_path):
    table = pl.DataFrame({"enrolment": NAMES, "test": NAMES[::-1], "target": [True] * len(NAMES)})
    scores = np.linspace(-1, 1, len(NAMES), dtype=np.float32)
    write_scores(tmp_path / "scores.tsv", Trials(table[::-1]), scores[::-1], scores)
    np.testing.assert_array_equal(aligned_scores(tmp_path, table, "list"), scores)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a b 1 0.5\n", "has no column 'enrolment'"),
        ("enrolment\ttest\tscore\na\tb\t0.5\n", "has no column 'target', only enrolment, test"),
        ("enrolment\ttest\ttarget\tscore\na\tb\t1\tnan\n", "row 2: a b 1 nan is not a trial"),
        ("enrolment\ttest\ttarget\tscore\na\tb\t1\t1e999\n", "row 2: a b 1 1e999 is not"),
        ("enrolment\ttest\ttarget\tscore\na\tb\t1\t-1e308\n", "row 2: a b 1 -1e308 is not"),
        ("enrolment\ttest\ttarget\tscore\na\tb\t2\t1\n", "row 2: a b 2 1 is not"),
        (
            'enrolment\ttest\ttarget\tscore\na\tb\t0\t1\na\t"c ""d"\t0\t1\n',
            "contradicts list in 1 trials, such as 'a' and 'b', a non-target trial here",
        ),
        ("enrolment\ttest\ttarget\tscore\na\tb\t1\t1\n", "has no score for 1 of the 2 trials"),
    ],
)
def test_files_that_hold_no_scores_of_the_list(tmp_path, text, reason):
    path = tmp_path / "scores.tsv"
    path.write_text(text)
    with pytest.raises(TrialsError, match=rf"scores\.tsv: {reason}"):
        aligned_scores(path, TRIALS.table, "list")


@given(data=st.one_of(st.binary(), mutations(VALID)))
def test_any_bytes_are_scores_or_one_line_of_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.tsv"
    scores = value_or_line(lambda path: aligned_scores(path, TRIALS.table, "list"), path, data)
    if scores is not None:
        assert scores.shape == (2,)
        assert np.isfinite(scores).all()


def test_sides_are_not_exchanged_and_repeated_trials_keep_their_turn(tmp_path):
    rows = [("a", "b", True), ("b", "a", True), ("a", "b", True), ("a", "a", False)]
    table = pl.DataFrame(rows, schema=["enrolment", "test", "target"], orient="row")
    scores = pl.DataFrame({"enrolment": ["b", "a", "a", "a"], "test": ["a", "b", "a", "b"]})
    scores = scores.with_columns(score=pl.Series([2.0, 1.0, 4.0, 3.0]))
    assert align_scores(scores, table, tmp_path, "list").tolist() == [1, 2, 3, 4]
    with pytest.raises(TrialsError, match="no score for 1 of the 4 trials of list, and 0 scores"):
        align_scores(scores[:3], table, tmp_path, "list")
    with pytest.raises(TrialsError, match="no score for 0 of the 3 trials of list, and 1 scores"):
        align_scores(scores, table[1:], tmp_path, "list")

from functools import partial

import numpy as np
import polars as pl
import pytest

from contravox.errors import TrialsError
from contravox.trials import score_formats
from contravox.trials.score_formats import parse_fields, read_scores
from contravox.trials.scores import align_scores, write_scores
from contravox.trials.trials import Trials

ROWS = [("a", "x/1", True, 0.5), ("a", "x/2", False, -1.25e-3), ("b", "x/1", False, 7.0)]
TRIALS = pl.DataFrame(
    [row[:3] for row in ROWS], schema=["enrolment", "test", "target"], orient="row"
)
SCORES = [row[3] for row in ROWS]
FIELDS = ("enrolment", "test", "score")
WORDS = {True: "target", False: "nontarget"}
STYLES = {
    "Kaldi": "{e} {t} {s}",
    "WeSpeaker": "{e} {t} {s:.5f} {word}",
    "SpeechBrain": "{e} {t} {digit} {s:f}",
    "VoxCeleb's list and a score": "{digit} {e} {t} {s}",
    "score first": "{s} {e} {t}",
    "tabs": "{e}\t{t}\t{s}",
    "columns": "{e:8} {t:8}   {s}",
}


def lines(style, rows=ROWS):
    return [
        style.format(e=e, t=t, s=s, word=WORDS[target], digit=int(target))
        for e, t, target, s in rows
    ]


@pytest.fixture
def write(tmp_path):
    def written(*rows):
        path = tmp_path / "scores.txt"
        path.write_text("".join(f"{row}\n" for row in rows))
        return path

    return written


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("order", [1, -1])
def test_every_style_gives_the_scores_of_the_list_in_its_order(write, style, order):
    path = write(*lines(style)[::order])
    found = align_scores(read_scores(path, TRIALS), TRIALS, path, "list")
    np.testing.assert_allclose(found, SCORES, atol=1e-5)


def test_a_header_says_which_field_is_which(write, tmp_path):
    path = write("score test extra enrolment", "0.5 x/1 ? a", "1 x/2 ? a", "2 x/1 ? b")
    assert read_scores(path, TRIALS)["score"].to_list() == [0.5, 1, 2]
    own = tmp_path / "own.tsv"
    write_scores(own, Trials(TRIALS), np.array(SCORES))
    np.testing.assert_allclose(
        align_scores(read_scores(own, TRIALS), TRIALS, own, "list"), SCORES, rtol=1e-6
    )


def test_ratios_are_taken_where_they_are_and_wanted(tmp_path):
    own, ratios = tmp_path / "own.tsv", [-3.0, 2.5, 0.25]
    write_scores(own, Trials(TRIALS), np.array(SCORES), np.array(ratios))
    np.testing.assert_allclose(read_scores(own, TRIALS)["score"], SCORES, rtol=1e-6)
    assert read_scores(own, TRIALS, ratios=True)["score"].to_list() == ratios
    # Where there are none, the scores are what is called ratios; a user's own order stands.
    order = ("enrolment", "test", "target", "score", "_")
    rows = own.read_text().partition("\n")[2]
    own.write_text(rows)
    found = read_scores(own, TRIALS, order, ratios=True)["score"]
    np.testing.assert_allclose(found, SCORES, rtol=1e-6)
    write_scores(own, Trials(TRIALS), np.array(ratios))
    assert read_scores(own, TRIALS, ratios=True)["score"].to_list() == ratios


def test_names_that_are_numbers_are_asked_for_where_they_could_be_the_score(write):
    trials = pl.DataFrame({"enrolment": ["1", "2"], "test": ["2", "1"], "target": [True, False]})
    path = write("1 2 1", "2 1 2")
    with pytest.raises(TrialsError, match=r"may be 'enrolment test score', .*'score .* --fields"):
        read_scores(path, trials)
    assert read_scores(path, trials, ("score", "enrolment", "test"))["enrolment"][0] == "2"
    # Names that are in no list are no reading.
    known = pl.DataFrame({"enrolment": ["1", "2"], "test": ["2", "1"], "target": [True, False]})
    path = write("1 2 0.5", "2 1 0.25")
    assert read_scores(path, known)["score"].to_list() == [0.5, 0.25]


def test_scores_that_are_all_0_and_1_are_asked_for(write):
    path = write("a x/1 1 1", "a x/2 0 1", "b x/1 0 0")
    with pytest.raises(TrialsError, match=r"score target.* 'enrolment test target score'"):
        read_scores(path, TRIALS)
    found = read_scores(path, TRIALS, parse_fields("enrolment test target score"))
    assert found["score"].to_list() == [1, 1, 0]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (["a x/1 0.5", "a x/2"], "line 2: has 2 fields in place of 3"),
        (["a x/1 0.5", "a x/2 nan"], "no scores in an order that is known"),
        (["a x/1 0.5 yes"], "no scores in an order that is known"),
        (["a x/1 1e300"], "no scores in an order that is known"),
        (["a b c d e f g"], "no scores in an order that is known"),
        ([], "holds no score"),
        (["enrolment test score"], "holds no score"),
        (["enrolment test score", "a x/1 high"], "line 2: 'a x/1 high' is not"),
        (["enrolment\ttest\tscore", 'a\t""\t1.5'], "line 2: 'a 1.5' is not"),
    ],
)
def test_what_is_no_file_of_scores(write, rows, reason):
    with pytest.raises(TrialsError, match=reason):
        read_scores(write(*rows), TRIALS)


def test_trials_without_a_score_and_scores_without_a_trial(write):
    for rows, reason in (
        (lines(STYLES["Kaldi"])[1:], "no score for 1 of the 3 trials of list, and 0 scores"),
        ([*lines(STYLES["Kaldi"]), "c x/1 1"], "no score for 0 of the 3 trials of list, and 1"),
        (["a x/1 0.5 target", "a x/2 1.5 target", "b x/1 7.0 nontarget"], "contradicts list in 1"),
    ):
        path = write(*rows)
        with pytest.raises(TrialsError, match=reason):
            align_scores(read_scores(path, TRIALS), TRIALS, path, "list")


@pytest.mark.parametrize("text", ["enrolment test", "a b c", "enrolment test score score", ""])
def test_fields_that_make_no_sense(text):
    with pytest.raises(TrialsError, match="are no fields of a score file"):
        parse_fields(text)
    assert parse_fields("_ enrolment,test, score") == ("_", "enrolment", "test", "score")


@pytest.fixture
def short_blocks(monkeypatch):
    """Files come a line at a time."""
    for name in ("read_text_blocks", "read_table_blocks"):
        read = partial(getattr(score_formats, name), size=1)
        monkeypatch.setattr(score_formats, name, read)


@pytest.mark.usefixtures("short_blocks")
@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_blocks_are_read_as_the_whole_is(write, style):
    path = write("", *lines(style), "")
    found = read_scores(path, TRIALS)
    assert found["enrolment"].to_list() == [row[0] for row in ROWS]
    assert found["test"].to_list() == [row[1] for row in ROWS]
    np.testing.assert_allclose(found["score"], SCORES, atol=1e-5)


@pytest.mark.usefixtures("short_blocks")
def test_a_tab_in_any_block_parts_the_fields_of_all(write):
    with pytest.raises(TrialsError, match="line 1: has 1 fields in place of 3"):
        read_scores(
            write("a x/1 0.5", "a x/2 1", "b\tx/1\t2"), TRIALS, ("enrolment", "test", "score")
        )
    with pytest.raises(TrialsError, match="line 2: has 1 fields in place of 3"):
        read_scores(write("a\tx/1\t0.5", "a x/2 1"), TRIALS, FIELDS)
    assert len(read_scores(write("a x/1 0.5", "a x/2 1", "b x/1 2\t"), TRIALS)) == 3


@pytest.mark.usefixtures("short_blocks")
@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (["a x/1 0.5", "", "a x/2 1", "b x/1"], "line 4: has 2 fields in place of 3"),
        (["enrolment test score", "a x/1 1", "a x/2 1", "a x/2 high"], "line 4: 'a x/2 high'"),
        (["enrolment\ttest\tscore", "a\tx/1\t1", 'a\tx/2\t"high"'], "line 3: 'a x/2 high'"),
        (["enrolment\ttest\tscore", "a\tx/1\t1", "a\tx/2\thigh"], "line 3: 'a x/2 high'"),
    ],
)
def test_lines_are_counted_from_block_to_block(write, rows, reason):
    with pytest.raises(TrialsError, match=reason):
        read_scores(write(*rows), TRIALS)

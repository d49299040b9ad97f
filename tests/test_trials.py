import itertools

import polars as pl
import pytest

from contravox.errors import TrialsError
from contravox.manifest import COLUMNS, Manifest
from contravox.trials import Trials, make_trials
from test_manifest import manifest

EXPECTED = [("a/1.wav", "a/2.wav", True), ("a/1.wav", "b/1.wav", False)]


@pytest.mark.parametrize(
    "text",
    [
        "1 a/1.wav a/2.wav\n0 a/1.wav b/1.wav\n",
        "a/1.wav a/2.wav 1\na/1.wav b/1.wav 0\n",
        "a/1.wav a/2.wav target\na/1.wav b/1.wav nontarget\n",
        "a/1.wav   a/2.wav tgt  \n\na/1.wav b/1.wav imp",
        "enrolment\ttest\ttarget\na/1.wav\ta/2.wav\t1\na/1.wav\tb/1.wav\t0\n",
    ],
)
def test_every_public_style_is_recognised(tmp_path, text):
    path = tmp_path / "trials"
    path.write_text(text)
    assert Trials.read(path).table.rows() == EXPECTED


def test_written_and_read_again_with_spaces_in_names(tmp_path):
    rows = [("a b", "c", True), ("d", "é f", False)]
    trials = Trials(pl.DataFrame(rows, schema=["enrolment", "test", "target"], orient="row"))
    trials.write(tmp_path / "t.tsv")
    assert Trials.read(tmp_path / "t.tsv").table.rows() == rows
    assert trials.utterances == ["a b", "c", "d", "é f"]


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


def test_all_pairs_of_a_small_corpus():
    small = manifest(speakers=4, utterances=3)
    trials = make_trials(small)
    names = small.table["utterance"].to_list()
    expected = {(a, b): a[:2] == b[:2] for a, b in itertools.combinations(names, 2)}
    assert {row[:2]: row[2] for row in trials.table.rows()} == expected


def test_targets_are_across_sessions_where_there_are_several():
    rows = [
        ("a1", "a", "x", "p", 0.0, 1.0, 16_000),
        ("a2", "a", "x", "p", 0.0, 1.0, 16_000),
        ("a3", "a", "y", "p", 0.0, 1.0, 16_000),
        ("b1", "b", "z", "p", 0.0, 1.0, 16_000),
        ("b2", "b", "z", "p", 0.0, 1.0, 16_000),
    ]
    trials = make_trials(Manifest(pl.DataFrame(rows, schema=COLUMNS, orient="row"))).table
    targets = {row[:2] for row in trials.filter("target").rows()}
    assert targets == {("a1", "a3"), ("a2", "a3"), ("b1", "b2")}


@pytest.mark.parametrize("speakers", [20, 100])
def test_a_sample_of_trials_is_distinct_seeded_and_true(speakers):
    big = manifest(speakers=speakers, utterances=6)
    trials = make_trials(big, seed=1, maximum=200).table
    assert trials["target"].sum() == 200
    assert len(trials) == trials.n_unique() == 400
    assert all((a.split("/")[0] == b.split("/")[0]) == same for a, b, same in trials.rows())
    assert trials.equals(make_trials(big, seed=1, maximum=200).table)
    other = make_trials(big, seed=2, maximum=200).table
    for target in (True, False):
        same = pl.col("target") == target
        assert not trials.filter(same).equals(other.filter(same))


def test_sampled_targets_are_across_sessions_too():
    rows = [(f"{s}{n:02}", s, str(n % 2), "p", 0.0, 1.0, 16_000) for s in "ab" for n in range(40)]
    trials = make_trials(Manifest(pl.DataFrame(rows, schema=COLUMNS, orient="row")), maximum=50)
    targets = trials.table.filter("target").rows()
    assert len(targets) == 50
    assert all((int(a[1:]) + int(b[1:])) % 2 for a, b, _ in targets)


def test_corpora_without_a_pair():
    with pytest.raises(TrialsError, match="only one speaker"):
        make_trials(manifest(speakers=1))
    with pytest.raises(TrialsError, match="no speaker has two utterances"):
        make_trials(manifest(utterances=1))

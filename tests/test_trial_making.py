import itertools

import polars as pl
import pytest

from contravox.errors import TrialsError
from contravox.manifest import COLUMNS, Manifest
from contravox.trial_making import make_trials
from test_manifest import manifest, pooled


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


def test_speakers_of_two_corpora_make_no_targets():
    rows = [(f"{c}{name}{u}", name, c) for c in "AB" for name in "01" for u in "xyz"]
    trials = make_trials(pooled(*rows)).table
    assert trials["target"].sum() == 4 * 3
    assert all((a[:2] == b[:2]) == target for a, b, target in trials.rows())

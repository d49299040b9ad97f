import itertools

import polars as pl
import pytest

from contravox.errors import TrialsError
from contravox.manifest import COLUMNS, Manifest
from contravox.trials.making import make_pooled_trials, make_trials, within_sessions
from manifests import manifest, pooled


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


def test_pooled_non_targets_are_within_a_corpus_unless_asked():
    rows = [(f"{c}{name}{u}", name, c) for c in "AB" for name in "012" for u in "wxyz"]
    manifest = pooled(*rows)
    within = make_pooled_trials(manifest).table
    assert within["target"].sum() == 2 * 3 * 6
    assert len(within) == 2 * 12 * 11 // 2
    assert all(a[0] == b[0] and (a[1] == b[1]) == target for a, b, target in within.rows())
    across = make_pooled_trials(manifest, across_corpora=True).table
    assert len(across) == 24 * 23 // 2
    assert {row[:2] for row in within.rows()} < {row[:2] for row in across.rows()}
    capped = make_pooled_trials(manifest, maximum=5, seed=1).table
    corpus = capped["test"].str.head(1)
    assert sorted(capped.with_columns(corpus=corpus)["corpus", "target"].rows()) == sorted(
        (c, target) for c in "AB" for target in (True, False) for _ in range(5)
    )
    assert capped.equals(make_pooled_trials(manifest, maximum=5, seed=1).table)
    one = pooled(("a", "0", None), ("b", "0", None), ("c", "1", None))
    assert make_pooled_trials(one).table.equals(make_trials(one).table)
    with pytest.raises(TrialsError, match=r"^C: only one speaker: .* pass --across-corpora"):
        make_pooled_trials(pooled(*rows, ("c1", "0", "C"), ("c2", "0", "C")))


def test_clusters_are_no_speakers_to_measure_by():
    half = pl.when(pl.col("speaker") == "s0").then(pl.lit("clusters"))
    clusters = Manifest(manifest(speakers=4).table.with_columns(speaker_source=half))
    for make in (make_trials, make_pooled_trials):
        with pytest.raises(TrialsError, match="its speakers are clusters, by which nothing"):
            make(clusters)


def test_targets_within_a_session_are_counted():
    rows = [
        ("a1", "a", "x"),
        ("a2", "a", "x"),
        ("b1", "b", "y"),
        ("b2", "b", "z"),
        ("c1", "c", None),
        ("c2", "c", "x"),
    ]
    table = pl.DataFrame(rows, schema=["utterance", "speaker", "session"], orient="row")
    table = table.with_columns(path=pl.lit("p"), start=0.0, duration=1.0, sample_rate=16_000)
    manifest = Manifest(table)
    assert within_sessions(make_trials(manifest), manifest) == 2

import math

import numpy as np
import polars as pl
import pytest

from contravox.corpora.pseudo_labels import Agreement, pseudo_label
from contravox.errors import ManifestError
from contravox.manifest import CLUSTERS, CLUSTERS_OF_LABELS, SPEAKER_SOURCE, Manifest
from manifests import manifest, pooled

VOICES = manifest(speakers=6, utterances=5)
"""Whose sessions, sexes and digests are known, too."""
VOICES = Manifest(
    VOICES.table.with_columns(
        session=pl.format("of {}", "speaker"),
        corpus=pl.lit("one"),
        digest=pl.format("sha256:{}", pl.int_range(pl.len())),
        sex=pl.lit("f"),
    )
)


def directions(number_of, width=8, spread=0.01):
    """(n, width) embeddings whose directions are told by numbers (n,)."""
    noise = np.random.default_rng(0).standard_normal((len(number_of), width))
    return (np.eye(width)[list(number_of)] + spread * noise).astype(np.float32)


def labelled(given=VOICES, of=None, clusters=6, **options):
    of = np.repeat(range(6), 5) if of is None else of
    # As many centroids as utterances: k-means has nothing to miss.
    return pseudo_label(given, directions(of), clusters, centroids=len(given), **options)


def test_speakers_are_clusters_and_recordings_stay_what_they_are():
    made = labelled()
    table = made.manifest.table
    assert table["speaker"].n_unique() == 6
    assert table["speaker"].str.contains(r"^cluster-[0-9a-f]{8}-\d+$").all()
    same = ["utterance", "path", "start", "duration", "sample_rate", "corpus", "digest"]
    assert table.select(same).equals(VOICES.table.select(same))
    assert made.skipped.is_empty()
    assert made.agreement == Agreement(1.0, pytest.approx(1.0), 6)


def test_nothing_else_that_may_tell_who_speaks_is_kept(tmp_path):
    made = labelled().manifest
    assert set(made.table.columns) == {
        *("utterance", "speaker", "session", "path", "start", "duration", "sample_rate"),
        *("corpus", "digest", SPEAKER_SOURCE),
    }
    assert made.table["session"].null_count() == len(made)
    made.write(tmp_path / "manifest.tsv")
    assert Manifest.read(tmp_path / "manifest.tsv").table.equals(made.table)


def test_who_speaks_makes_no_difference():
    others = Manifest(VOICES.table.with_columns(pl.col("speaker").shuffle(seed=1)))
    nobody = Manifest(VOICES.table.with_columns(speaker=pl.lit(None, pl.String)))
    made = [labelled(each, leave_out=0.2) for each in (VOICES, others, nobody)]
    for each in made[1:]:
        assert each.manifest.table.equals(made[0].manifest.table)
        assert each.skipped.equals(made[0].skipped)
    assert made[1].agreement.purity < made[0].agreement.purity == 1
    assert made[2].agreement is None


@pytest.mark.parametrize(("used", "source"), [(False, CLUSTERS), (True, CLUSTERS_OF_LABELS)])
def test_what_made_the_clusters_is_said(used, source):
    made = labelled(labels_used=used).manifest
    assert made.table[SPEAKER_SOURCE].unique().to_list() == [source]
    assert made.labels_told is used
    assert made.clustered.all()


def test_agreement_is_with_the_speakers_that_were_named():
    clusters = pl.Series(["a", "a", "a", "b", "b", "b"])
    speakers = pl.Series(["x", "x", "y", "y", "y", "y"])
    # By hand: clusters are even, speakers 1/3 to 2/3; pairs are 1/3, 1/6 and 1/2.
    entropies = math.log(2), -(math.log(1 / 3) / 3 + 2 * math.log(2 / 3) / 3)
    both = -sum(share * math.log(share) for share in (1 / 3, 1 / 6, 1 / 2))
    shared = sum(entropies) - both
    agreement = Agreement.of(clusters, speakers)
    assert agreement.purity == pytest.approx(5 / 6)
    assert agreement.normalised_mutual_information == pytest.approx(2 * shared / sum(entropies))
    assert agreement.speakers == 2
    # Clusters of clusters are compared with nobody, and of utterances only those of somebody.
    assert labelled(labelled().manifest).agreement is None
    half = pl.when(pl.int_range(pl.len()) < 10).then("speaker")
    assert labelled(Manifest(VOICES.table.with_columns(half))).agreement.speakers == 2


def test_small_clusters_are_left_out():
    of = [0] * 20 + [1] * 6 + [2] * 3 + [3]
    made = labelled(of=of, clusters=4)
    assert made.manifest.table["speaker"].value_counts()["count"].sort().to_list() == [3, 6, 20]
    assert made.skipped.rows() == [("s5/u4", "/audio/s5/u4.wav", "of a cluster of fewer than 2")]
    assert len(labelled(of=of, clusters=4, smallest=1).manifest) == 30
    assert len(labelled(of=of, clusters=4, smallest=4).manifest) == 26


def test_the_farthest_are_left_out_and_what_is_too_small_then():
    vectors = directions([0] * 20 + [1] * 7 + [2] * 3)
    vectors[[3, 21, 27]] += 0.4 * np.eye(8, dtype=np.float32)[5]
    made = pseudo_label(VOICES, vectors, 3, centroids=30, leave_out=0.1, smallest=3)
    far, small = "far from the mean of its cluster", "of a cluster of fewer than 3"
    assert made.skipped["reason"].to_list() == [far, far, far, small, small]
    names = VOICES.table["utterance"]
    assert made.skipped["utterance"].to_list() == [names[row] for row in (3, 21, 27, 28, 29)]


def test_a_cluster_of_two_corpora_is_a_speaker_in_each():
    rows = [(f"{corpus}{n}", "nobody", corpus) for corpus in "ab" for n in range(4)]
    made = pseudo_label(pooled(*rows), directions([0, 0, 1, 1] * 2), 2, centroids=8)
    assert made.manifest.table["speaker"].n_unique() == 2
    assert len(made.manifest.speakers) == 4
    # Of two utterances of a cluster each is alone in its corpus.
    parted = pseudo_label(pooled(*rows), directions([0, 0, 0, 1, 0, 1, 1, 1]), 2, centroids=8)
    assert parted.skipped["utterance"].to_list() == ["a3", "b0"]


def test_names_are_of_one_clustering_alone():
    names = [set(labelled(of=of).manifest.speakers) for of in ([0, 1, 2, 3, 4] * 6, None, None)]
    assert names[1] == names[2]
    assert not names[0] & names[1]
    renamed = Manifest(VOICES.table.with_columns(utterance=pl.format("v{}", "utterance")))
    assert not names[1] & set(labelled(renamed).manifest.speakers)


def test_what_makes_no_clusters():
    with pytest.raises(ManifestError, match="30 utterances make no 31 clusters: set --clusters"):
        pseudo_label(VOICES, directions([0] * 30), 31)
    with pytest.raises(ManifestError, match="30 utterances make no 31 clusters: set --centroids"):
        pseudo_label(VOICES, directions([0] * 30), 2, centroids=31)
    with pytest.raises(ManifestError, match="only 1 of 3 clusters has 2 utterances or more"):
        pseudo_label(VOICES, np.ones((30, 8), np.float32), 3)

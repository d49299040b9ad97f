from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from contravox.data.k_means import k_means
from contravox.data.replacement import Replacement
from contravox.data.sampled_positives import PositiveSettings, draw_positives
from contravox.data.sampling import RandomUtterancesSettings, Sampler
from contravox.errors import RecipeError

SPEAKERS, EACH = 6, 8
SPEAKER = np.repeat(np.arange(SPEAKERS), EACH)
LABELS = np.arange(SPEAKERS * EACH)


def embeddings(noise=0.05, seed=0):
    """Of utterances, near a direction of their speaker's, each of another length."""
    generator = np.random.default_rng(seed)
    vectors = np.eye(SPEAKERS)[SPEAKER] + noise * generator.standard_normal((len(SPEAKER), 6))
    return (vectors * generator.uniform(0.1, 9, (len(SPEAKER), 1))).astype(np.float32)


def draw(vectors, seed=0, **settings):
    return draw_positives(vectors, PositiveSettings(**settings), np.random.default_rng(seed))


def often(vectors, **settings):
    """(times, n) drawn with many seeds."""
    return np.stack([draw(vectors, seed, **settings) for seed in range(300)])


@pytest.mark.parametrize("neighbours", [1, 3])
def test_without_clusters_the_nearest_utterances_are_drawn_evenly(neighbours):
    vectors = embeddings(noise=0.5)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    times = often(vectors, neighbours=neighbours)
    for row, cosines in enumerate(units @ units.T):
        near = [each for each in np.argsort(-cosines).tolist() if each != row][:neighbours]
        drawn = Counter(times[:, row].tolist())
        assert set(drawn) == set(near)
        # Of 300 draws among three, 100 of each, give or take four deviations.
        assert all(abs(drawn[each] - 300 / neighbours) < 35 for each in near)


def test_of_its_own_cluster_every_other_utterance_is_drawn():
    vectors = embeddings(noise=0.3)
    units = F.normalize(torch.from_numpy(vectors), dim=1)
    for seed in range(50):
        drawn = draw(vectors, seed, clusters=12, neighbours=0)
        # The first that is drawn at random are the centroids.
        clusters, _ = k_means(units, 12, np.random.default_rng(seed))
        assert torch.equal(clusters[drawn], clusters)
        alone = clusters.bincount()[clusters].numpy() == 1
        assert np.array_equal(drawn == LABELS, alone)
    # Of one cluster all are drawn, evenly.
    whole = often(np.ones((4, 2), np.float32), clusters=2, neighbours=0)
    for row in range(4):
        drawn = Counter(whole[:, row].tolist())
        assert set(drawn) == {0, 1, 2, 3} - {row}
        assert min(drawn.values()) > 65


def test_a_neighbouring_cluster_is_the_nearest_other_one():
    # Every speaker in two channels: each is a cluster, the nearest to it the speaker's other one.
    channel = LABELS % 2
    another = np.eye(SPEAKERS)[(SPEAKER + 3) % SPEAKERS]
    vectors = np.eye(SPEAKERS)[SPEAKER] + 0.3 * channel[:, None] * another
    # As many first centroids as utterances: all but one in each cluster become empty.
    drawn = draw(vectors.astype(np.float32), clusters=48, neighbours=1)
    assert (SPEAKER[drawn] == SPEAKER).all()
    assert (channel[drawn] != channel).all()


def test_what_was_not_seen_has_no_positive_and_is_none():
    vectors = embeddings()
    vectors[::3] = 0
    for settings in ({"neighbours": 5}, {"clusters": 9}, {"clusters": 6, "neighbours": 0}):
        drawn = draw(vectors, **settings)
        assert (drawn[::3] == LABELS[::3]).all()
        others = np.delete(LABELS, LABELS[::3])
        assert not set(drawn[others]) & set(LABELS[::3])
    assert (draw(np.zeros_like(vectors)) == LABELS).all()
    vectors[1:] = 0
    assert (draw(vectors) == LABELS).all()


def test_alone_in_its_cluster_an_utterance_is_its_own_positive():
    vectors = np.eye(4, dtype=np.float32)
    assert (draw(vectors, clusters=4, neighbours=0) == np.arange(4)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"neighbours": 0}, "neighbours=0 draws from an utterance's own cluster"),
        ({"clusters": 5, "neighbours": 5}, "a cluster has fewer than 5 others among 5"),
        ({"clusters": 1}, "greater than or equal to 2"),
        ({"from_epoch": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_draw_nothing_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        PositiveSettings(**settings)


def sampler(utterances=8, segments=2, seed=1, **positives):
    settings = RandomUtterancesSettings(
        utterances=utterances, segments=segments, positives=PositiveSettings(**positives)
    )
    return Sampler(settings, LABELS, seed=seed)


@pytest.mark.parametrize(
    ("positives", "key"), [({"clusters": 49}, "clusters is 49"), ({"neighbours": 48}, "48")]
)
def test_more_than_there_are_utterances_is_refused(positives, key):
    with pytest.raises(RecipeError, match=rf"sampler\.positives\..*{key} but .* only 48 utt"):
        sampler(**positives)
    sampler(**{name: value - 1 for name, value in positives.items()})


def test_pairs_need_two_segments():
    with pytest.raises(ValidationError, match="set segments to 2 or more"):
        RandomUtterancesSettings(positives=PositiveSettings())


def test_until_its_epoch_a_sampler_is_as_it_is_without():
    sampled, vectors = sampler(from_epoch=3, neighbours=2), embeddings()
    plain = Sampler(RandomUtterancesSettings(utterances=8, segments=2), LABELS, seed=1)
    assert sampled.samples_positives
    assert not plain.samples_positives
    assert plain.positives(7, vectors) is None
    assert sampled.positives(2, vectors) is None
    assert sampled.positives(3, None) is None
    for epoch in (0, 2):
        drawn = sampled.positives(epoch, vectors)
        assert sampled.batches(epoch, vectors, drawn) == plain.batches(epoch)
    drawn = sampled.positives(3, vectors)
    assert np.array_equal(drawn, sampled.positives(3, vectors))
    assert not np.array_equal(drawn, sampled.positives(4, vectors))


@pytest.mark.parametrize("segments", [2, 3])
def test_later_segments_are_the_positive_s_and_nothing_else_changes(segments):
    sampled, vectors = sampler(segments=segments, from_epoch=1, neighbours=3), embeddings()
    plain = Sampler(RandomUtterancesSettings(utterances=8, segments=segments), LABELS, seed=1)
    positives = sampled.positives(1, vectors)
    assert (positives != LABELS).all()
    replaced = 0
    for ours, theirs in zip(sampled.batches(1, vectors, positives), plain.batches(1), strict=True):
        for request, before in zip(ours, theirs, strict=True):
            assert request.labelled_by == before.utterance
            assert request[1:4] == before[1:4]
            if request.anchor is None:
                assert request == before
                continue
            assert request.segment > 0
            assert request.utterance == positives[request.anchor]
            replaced += 1
        # All of an anchor's later segments are of one utterance, and no utterance has two labels.
        labels = {(each.utterance, each.labelled_by) for each in ours}
        assert len({utterance for utterance, _ in labels}) == len(labels)
        assert Counter(each.labelled_by for each in ours) == dict.fromkeys(
            {each.labelled_by for each in ours}, segments
        )
    assert replaced > 48 * (segments - 1) / 3


def test_of_an_unreadable_utterance_the_pair_is_its_anchor_s_again():
    sampled, vectors = sampler(from_epoch=1, neighbours=3), embeddings()
    gone = np.isin(LABELS, [0, 5, 11, 20, 33])
    replacement = Replacement(LABELS)
    undone = 0
    for epoch in range(1, 9):
        positives = sampled.positives(epoch, vectors)
        for batch in sampled.batches(epoch, vectors, positives):
            replaced = replacement.batch(batch, gone)
            assert not any(gone[each.utterance] for each in replaced)
            views = {}
            for before, after in zip(batch, replaced, strict=True):
                views.setdefault(after.labelled_by, []).append(after.view)
                if not gone[before.labelled_by]:
                    assert after.labelled_by == before.labelled_by
                if before.anchor is None:
                    continue
                if gone[before.utterance] or gone[before.anchor]:
                    assert after.anchor is None
                    undone += 1
                else:
                    assert after == before
            assert all(sorted(each) == [0, 1] for each in views.values())
    assert undone > 20

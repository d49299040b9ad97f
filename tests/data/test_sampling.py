from collections import Counter

import numpy as np
import pytest

from contravox.data.sampling import (
    RandomUtterancesSettings,
    Sampler,
    SpeakersUtterancesSettings,
)
from contravox.errors import RecipeError

LABELS = np.repeat(np.arange(10), [5, 1, 4, 6, 6, 6, 8, 3, 2, 7])


def by_utterance(batch):
    """Requests of each utterance, by the segment."""
    groups = {}
    for request in sorted(batch):
        groups.setdefault(request.utterance, []).append(request)
    return list(groups.values())


def test_random_utterances_draws_each_at_most_once_an_epoch():
    settings = RandomUtterancesSettings(utterances=7, segments=2)
    batches = Sampler(settings, LABELS).batches(0)
    assert len(batches) == len(LABELS) // 7
    assert all(len(batch) == 14 for batch in batches)
    drawn = Counter(request.utterance for batch in batches for request in batch)
    assert set(drawn.values()) == {2}
    for batch in batches:
        assert all([r.segment for r in group] == [0, 1] for group in by_utterance(batch))


def test_speakers_utterances_has_different_speakers_and_utterances():
    settings = SpeakersUtterancesSettings(speakers=4, utterances=2)
    sampler = Sampler(settings, LABELS)
    drawn = Counter()
    # 5 + 1 + 4 ... utterances make 27 groups of two, and 27 groups six batches of four.
    for epoch in range(30):
        assert len(sampler.batches(epoch)) == 27 // 4
        for batch in sampler.batches(epoch):
            labels = LABELS[[request.utterance for request in batch]]
            assert sorted(Counter(labels.tolist()).values()) == [2, 2, 2, 2]
            drawn.update(request.utterance for request in batch)
            for label in set(labels.tolist()) - {1}:
                rows = [r.utterance for r in batch if LABELS[r.utterance] == label]
                assert len(set(rows)) == 2
    # Speaker 1 has one utterance only, which fills its group; nobody is left out.
    assert set(drawn) == set(range(len(LABELS)))


def test_views_count_the_segments_of_a_label():
    settings = SpeakersUtterancesSettings(speakers=3, utterances=2, segments=2)
    for batch in Sampler(settings, LABELS).batches(0):
        views = {}
        for request in batch:
            views.setdefault(int(LABELS[request.utterance]), []).append(request.view)
        assert list(map(sorted, views.values())) == [[0, 1, 2, 3]] * 3
        # Segments cut together know of each other by their seed.
        assert set(Counter(request.seed for request in batch).values()) == {2}


@pytest.mark.parametrize("parts", [2, 4])
def test_a_part_of_a_batch_does_not_hold_whole_speakers(parts):
    settings = SpeakersUtterancesSettings(speakers=8, utterances=4)
    together = 0
    for epoch in range(300):
        for batch in Sampler(settings, LABELS, seed=1).batches(epoch):
            labels = LABELS[[request.utterance for request in batch]].reshape(parts, -1)
            same = labels[:, :, None] == labels[:, None]
            together += (same.sum() - labels.size) / labels.size
    batches = sum(len(Sampler(settings, LABELS, seed=1).batches(epoch)) for epoch in range(300))
    # Of a row's three positives, as many share its part of 32 rows as of any other rows.
    assert together / batches == pytest.approx(3 * (32 / parts - 1) / 31, rel=0.05)


@pytest.mark.parametrize(
    "settings",
    [
        RandomUtterancesSettings(utterances=8),
        SpeakersUtterancesSettings(speakers=4, utterances=3),
    ],
)
def test_the_same_seed_and_epoch_give_the_same_batches(settings):
    first, again = Sampler(settings, LABELS, seed=5), Sampler(settings, LABELS, seed=5)
    assert first.batches(3) == again.batches(3)
    assert first.batches(3) != first.batches(4)
    assert first.batches(3) != Sampler(settings, LABELS, seed=6).batches(3)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (RandomUtterancesSettings(utterances=100), "sampler.utterances is 100 .* only 48"),
        (SpeakersUtterancesSettings(speakers=11), "sampler.speakers is 11 .* only 10"),
    ],
)
def test_a_manifest_too_small_for_a_batch(settings, reason):
    with pytest.raises(RecipeError, match=reason):
        Sampler(settings, LABELS)

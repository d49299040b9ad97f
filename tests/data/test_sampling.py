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


def test_random_utterances_draws_each_at_most_once_an_epoch():
    settings = RandomUtterancesSettings(utterances=7, segments=2)
    batches = Sampler(settings, LABELS).batches(0)
    assert len(batches) == len(LABELS) // 7
    assert all(len(batch) == 14 for batch in batches)
    drawn = Counter(request.utterance for batch in batches for request in batch)
    assert set(drawn.values()) == {2}
    for batch in batches:
        assert [request.segment for request in batch] == [0, 1] * 7


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
        assert list(views.values()) == [[0, 1, 2, 3]] * 3


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

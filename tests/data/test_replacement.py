from collections import Counter

import numpy as np
import pytest

from contravox.data.replacement import Replacement
from contravox.data.sampling import (
    RandomUtterancesSettings,
    Sampler,
    SpeakersUtterancesSettings,
)
from contravox.errors import TrainingError

LABELS = np.repeat(np.arange(8), [6, 5, 4, 3, 3, 2, 1, 1])
SETTINGS = [
    SpeakersUtterancesSettings(speakers=4, utterances=2, segments=2),
    SpeakersUtterancesSettings(speakers=3, utterances=4),
    RandomUtterancesSettings(utterances=6, segments=3),
]


def batches(settings, labels=LABELS):
    return [batch for epoch in range(20) for batch in Sampler(settings, labels).batches(epoch)]


def gone(*rows, labels=LABELS):
    return np.isin(np.arange(len(labels)), rows)


@pytest.mark.parametrize("settings", SETTINGS)
def test_others_of_the_same_label_take_their_places(settings):
    lost = gone(0, 1, 7, 12, 16)
    replacement = Replacement(LABELS)
    changed = 0
    for batch in batches(settings):
        replaced = replacement.batch(batch, lost)
        instead = {}
        present = {request.utterance for request in batch}
        for before, after in zip(batch, replaced, strict=True):
            assert not lost[after.utterance]
            assert LABELS[before.utterance] == LABELS[after.utterance]
            assert before[1:] == after[1:]
            if not lost[before.utterance]:
                assert before == after
                continue
            changed += 1
            # One in place of one, and one that is not there already wherever there is such a one.
            assert instead.setdefault(before.utterance, after.utterance) == after.utterance
            own = np.flatnonzero((LABELS[before.utterance] == LABELS) & ~lost)
            if after.utterance in present:
                assert set(own) <= present | set(instead.values())
    assert changed > 20


@pytest.mark.parametrize("settings", SETTINGS[:2])
def test_a_label_without_a_readable_utterance_gives_way_to_one_that_is_not_there(settings):
    lost = gone(*np.flatnonzero(np.isin(LABELS, [3, 6])))
    replacement = Replacement(LABELS)
    changed = 0
    for batch in batches(settings):
        replaced = replacement.batch(batch, lost)
        before = Counter(int(LABELS[request.utterance]) for request in batch)
        after = Counter(int(LABELS[request.utterance]) for request in replaced)
        assert sorted(before.values()) == sorted(after.values())
        assert {3, 6}.isdisjoint(after)
        changed += before != after
        for label in after:
            views = [r.view for r in replaced if LABELS[r.utterance] == label]
            assert sorted(views) == list(range(len(views)))
    assert changed > 5


def test_where_every_label_is_there_one_comes_more_often():
    settings = RandomUtterancesSettings(utterances=len(LABELS))
    [batch] = Sampler(settings, LABELS).batches(0)
    replaced = Replacement(LABELS).batch(batch, gone(23, 24))
    assert len(replaced) == len(batch)
    assert {LABELS[request.utterance] for request in replaced} == set(range(6))
    for label in range(6):
        views = [r.view for r in replaced if LABELS[r.utterance] == label]
        assert sorted(views) == list(range(len(views)))


def test_without_labels_another_utterance_gives_all_segments():
    labels = np.arange(30)
    settings = RandomUtterancesSettings(utterances=8, segments=2)
    lost = gone(*range(0, 30, 4), labels=labels)
    for batch in batches(settings, labels):
        replaced = Replacement(labels).batch(batch, lost)
        assert set(Counter(r.utterance for r in replaced).values()) == {2}
        assert not lost[[r.utterance for r in replaced]].any()


def test_the_order_of_the_batch_and_what_else_is_lost_change_nothing():
    settings = SETTINGS[0]
    replacement, lost = Replacement(LABELS), gone(0, 7, 12)
    generator = np.random.default_rng(0)
    for batch in batches(settings):
        order = generator.permutation(len(batch))
        shuffled = replacement.batch([batch[place] for place in order], lost)
        replaced = replacement.batch(batch, lost)
        assert shuffled == [replaced[place] for place in order]
        assert replacement.batch(batch, gone()) == batch
        assert Replacement(LABELS).batch(batch, lost) == replaced


def test_nothing_left():
    [batch, *_] = batches(SETTINGS[0])
    with pytest.raises(TrainingError, match="no utterance can be read"):
        Replacement(LABELS).batch(batch, np.ones(len(LABELS), dtype=bool))

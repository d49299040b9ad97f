from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError

from contravox.data.epoch_shares import UtteranceCap
from contravox.data.sampling import (
    RandomUtterancesSettings,
    Sampler,
    SpeakersUtterancesSettings,
)
from contravox.errors import RecipeError

LABELS = np.repeat(np.arange(12), [40, 30, 25, 1, 7, 6, 5, 5, 4, 4, 3, 2])
CORPORA = np.array(["large", "small", "tiny"])[np.repeat([0, 1, 2], [96, 27, 9])]
"""Speakers 0 to 3, 4 to 8, and 9 to 11."""


def drawn(settings, epoch, labels=LABELS, **more):
    """The rows of an epoch's batches."""
    batches = Sampler(settings, labels, seed=4, **more).batches(epoch)
    return [[request.utterance for request in batch] for batch in batches]


def test_a_cap_takes_others_in_the_next_epoch_and_each_as_often():
    cap = UtteranceCap(LABELS, 5, seed=0)
    for label in range(12):
        own = np.flatnonzero(label == LABELS)
        seen = Counter()
        # After as many epochs as a speaker has utterances, each came as often as any other.
        for epoch in range(len(own)):
            rows = np.intersect1d(cap.rows(epoch), own)
            assert len(rows) == min(5, len(own))
            if len(own) >= 10:
                assert not set(rows) & set(cap.rows(epoch + 1))
            seen.update(rows.tolist())
        assert set(seen.values()) == {min(5, len(own))}
        assert len(seen) == len(own)
    # In an order of the seed's.
    assert not np.array_equal(cap.rows(0), UtteranceCap(LABELS, 5, seed=1).rows(0))


@pytest.mark.parametrize(
    "settings",
    [
        RandomUtterancesSettings(utterances=6, segments=2, utterances_per_speaker=5),
        SpeakersUtterancesSettings(speakers=5, utterances=2, utterances_per_speaker=6),
    ],
)
def test_no_speaker_comes_more_often_than_its_cap(settings):
    most, steps = settings.utterances_per_speaker, set()
    for epoch in range(20):
        batches = drawn(settings, epoch)
        steps.add(len(batches))
        rows = {row for batch in batches for row in batch}
        assert max(Counter(LABELS[list(rows)].tolist()).values()) <= most
    assert len(steps) == 1
    capped = sum(min(most, count) for count in np.bincount(LABELS))
    if settings.name == "random_utterances":
        assert steps == {capped // 6}
    assert len(drawn(settings, 0)) < len(
        drawn(settings.model_copy(update={"utterances_per_speaker": None}), 0)
    )


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"large": 0.25, "small": 0.5, "tiny": 0.25}, {"large": 33, "small": 66, "tiny": 33}),
        # The rest is shared as it is: 27 to 9.
        ({"large": 0.4}, {"large": 53, "small": 59, "tiny": 20}),
        ({"tiny": 0.0}, {"large": 103, "small": 29}),
        ({"tiny": 0.0, "small": 1.0, "large": 0.0}, {"small": 132}),
    ],
)
def test_an_epoch_of_random_utterances_is_shared(shares, expected):
    # Twelve divides the 132 utterances, so that none waits.
    settings = RandomUtterancesSettings(utterances=12, corpus_shares=shares)
    for epoch in range(5):
        batches = drawn(settings, epoch, corpora=CORPORA)
        # None twice in a batch, where even of 9 utterances half a batch is.
        assert all(len(set(batch)) == len(batch) for batch in batches)
        rows = np.concatenate(batches)
        counts = Counter(CORPORA[rows].tolist())
        assert sum(counts.values()) == 132
        for name, count in expected.items():
            # The last batch takes others where all that is left would be in it twice.
            assert abs(counts[name] - count) <= 3
        times = Counter(rows.tolist())
        for name in set(CORPORA[rows].tolist()):
            of_corpus = [times[row] for row in np.flatnonzero(name == CORPORA).tolist()]
            assert max(of_corpus) - min(of_corpus) <= 3


def test_speakers_of_a_corpus_in_part_come_evenly():
    settings = RandomUtterancesSettings(utterances=12, corpus_shares={"large": 0.1})
    for epoch in range(5):
        rows = np.concatenate(drawn(settings, epoch, corpora=CORPORA))
        speakers = Counter(LABELS[rows[CORPORA[rows] == "large"]].tolist())
        # 13 of 40, 30, 25 and one utterance.
        lone, *others = sorted(speakers.values())
        assert lone == 1
        assert set(others) <= {3, 4, 5}


def test_batches_of_speakers_are_shared_as_far_as_they_can_be():
    settings = SpeakersUtterancesSettings(
        speakers=3, utterances=2, corpus_shares={"large": 0.3, "tiny": 0.3}
    )
    counts, steps = Counter(), set()
    for epoch in range(30):
        batches = drawn(settings, epoch, corpora=CORPORA)
        steps.add(len(batches))
        for batch in batches:
            assert sorted(Counter(LABELS[batch].tolist()).values()) == [2, 2, 2]
            counts.update(CORPORA[batch].tolist())
    assert len(steps) == 1
    total = sum(counts.values())
    for name, share in {"large": 0.3, "small": 0.4, "tiny": 0.3}.items():
        assert counts[name] / total == pytest.approx(share, abs=0.03)
    # A batch of six speakers has no more than the three that a corpus has.
    most = SpeakersUtterancesSettings(speakers=6, utterances=1, corpus_shares={"tiny": 0.9})
    rows = np.concatenate(drawn(most, 0, corpora=CORPORA))
    assert np.mean(CORPORA[rows] == "tiny") == pytest.approx(3 / 6, abs=0.05)


def test_cap_and_shares_go_together():
    settings = RandomUtterancesSettings(
        utterances=5, utterances_per_speaker=3, corpus_shares={"large": 0.5}
    )
    rows = np.concatenate(drawn(settings, 0, corpora=CORPORA))
    # 3 + 3 + 3 + 1, 5 · 3 and 3 + 3 + 2 utterances: 33, in six batches.
    assert len(rows) == 30
    assert np.sum(CORPORA[rows] == "large") == pytest.approx(16, abs=2)


@pytest.mark.parametrize(
    ("shares", "reason"),
    [
        ({"smal": 0.5}, r"corpus_shares\.smal: no such corpus: did you mean small\?"),
        ({"voxceleb1": 0.5}, r"no such corpus: large, small, tiny"),
        ({"small": 0.5, "tiny": 0.2, "large": 0.2}, "add up to 0.9 and name every corpus"),
        ({"small": 0.5, "tiny": 0.5}, "leave nothing to large"),
        ({"large": 0.001, "small": 0.002}, r"utterances is 12 but an epoch .* holds only 9"),
    ],
)
def test_shares_that_cannot_be(shares, reason):
    settings = RandomUtterancesSettings(utterances=12, corpus_shares=shares)
    with pytest.raises(RecipeError, match=reason):
        Sampler(settings, LABELS, corpora=CORPORA)


def test_shares_of_corpora_without_names():
    settings = RandomUtterancesSettings(utterances=12, corpus_shares={"a": 0.5})
    with pytest.raises(RecipeError, match="name no corpus: add a column corpus"):
        Sampler(settings, LABELS, corpora=np.full(len(LABELS), ""))
    with pytest.raises(ValidationError, match=r"add up to 1\.2"):
        RandomUtterancesSettings(corpus_shares={"a": 0.6, "b": 0.6})
    # Nothing is known of corpora in a dry run without them.
    assert Sampler(settings, LABELS).batches(0)

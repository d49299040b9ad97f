from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contravox.data.sampling import (
    RandomUtterancesSettings,
    Sampler,
    SpeakersUtterancesSettings,
)
from contravox.errors import RecipeError
from profiles import examples

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


@st.composite
def samplers(draw):
    """How to make a sampler again and again: of any labels, with and without caps and shares."""
    labels = np.array(draw(st.lists(st.integers(0, 7), min_size=2, max_size=60)))
    corpora = np.array(["A", "B"])[labels % 2]
    kind = draw(st.sampled_from([RandomUtterancesSettings, SpeakersUtterancesSettings]))
    sizes = {"speakers": draw(st.integers(2, 8))} if kind is SpeakersUtterancesSettings else {}
    settings = kind(
        **sizes,
        utterances=draw(st.integers(1, 6)),
        segments=draw(st.integers(1, 3)),
        utterances_per_speaker=draw(st.none() | st.integers(1, 5)),
        corpus_shares=draw(st.sampled_from([{}, {"A": 0.7, "B": 0.3}, {"A": 0.1}])),
    )
    seed = draw(st.integers(0, 2**32))

    def make():
        return Sampler(settings, labels, corpora=corpora, seed=seed)

    try:
        make()
    except RecipeError:
        assume(False)
    return make


@examples(40)
@given(samplers(), st.integers(0, 5))
def test_every_batch_is_as_the_settings_say(make, epoch):
    sampler = make()
    settings, labels, batches = sampler.settings, sampler.labels, sampler.batches(epoch)
    if settings.name == "random_utterances" and not settings.corpus_shares:
        drawn = Counter(each.utterance for batch in batches for each in batch)
        assert set(drawn.values()) <= {settings.segments}
        most = settings.utterances_per_speaker or len(labels)
        there = sum(min(most, int(count)) for count in np.bincount(labels))
        assert len(drawn) == there - there % settings.utterances
    for batch in batches:
        assert len(batch) == settings.batch_size
        rows, views = Counter(), {}
        for request in batch:
            rows[request.utterance] += 1
            views.setdefault(int(labels[request.utterance]), []).append(request.view)
        # The segments of a label are told apart by their views.
        assert all(sorted(each) == list(range(len(each))) for each in views.values())
        # Those of an utterance by their number, each time that it is drawn.
        for row, count in rows.items():
            own = Counter(each.segment for each in batch if each.utterance == row)
            assert own == dict.fromkeys(range(settings.segments), count // settings.segments)
        if settings.name == "random_utterances":
            assert set(rows.values()) == {settings.segments}
            continue
        assert [len(each) for each in views.values()] == [
            settings.utterances * settings.segments
        ] * settings.speakers
        for label in views:
            # Where a speaker has too few utterances, all are drawn before one is again.
            own = {row for row in rows if labels[row] == label}
            there = min(settings.utterances, np.sum(labels == label))
            if settings.utterances_per_speaker is not None:
                there = min(there, settings.utterances_per_speaker)
            assert len(own) == there


@examples(40)
@given(samplers(), st.lists(st.integers(0, 9), min_size=1, max_size=4), st.data())
def test_an_epoch_resumed_anywhere_goes_on_as_it_would_have(make, before, data):
    """Its batches follow from the seed and the epoch alone, whatever was drawn before."""
    whole = make().batches(before[-1])
    other = make()
    for epoch in before[:-1]:
        other.batches(epoch)
    np.random.seed(data.draw(st.integers(0, 99)))
    done = data.draw(st.integers(0, len(whole)))
    assert other.batches(before[-1])[done:] == whole[done:]
    assert {len(make().batches(epoch)) for epoch in range(4)} == {len(whole)}

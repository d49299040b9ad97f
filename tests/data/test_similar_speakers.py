from collections import Counter

import numpy as np
import pytest

from contravox.data.sampling import Sampler, SpeakersUtterancesSettings
from contravox.data.similar_speakers import dealt_by_similarity

SPEAKERS, EACH = 24, 6
LABELS = np.repeat(np.arange(SPEAKERS), EACH)
GROUPS = np.arange(SPEAKERS * EACH).reshape(-1, 2)
KEYS = LABELS[GROUPS[:, 0]]
VECTORS = np.random.default_rng(0).standard_normal((SPEAKERS, 5)).astype(np.float32)


def deal(similar, *, size=6, vectors=VECTORS, seed=0):
    generator = np.random.default_rng(seed)
    return list(dealt_by_similarity(GROUPS, KEYS, size, similar, vectors, generator))


def cosine(first, second):
    a, b = VECTORS[first].tolist(), VECTORS[second].tolist()
    product = sum(p * q for p, q in zip(a, b, strict=True))
    return product / (sum(p * p for p in a) * sum(q * q for q in b)) ** 0.5


@pytest.mark.parametrize("similar", [1, 3, 5])
def test_the_nearest_who_wait_come_with_the_first(similar):
    waiting = Counter(KEYS.tolist())
    batches = deal(similar)
    assert len(batches) == len(GROUPS) // 6
    for batch in batches[:6]:
        speakers = LABELS[batch[::2]].tolist()
        near = sorted(waiting, key=lambda each: -cosine(speakers[0], each))
        near = [each for each in near if waiting[each] and each != speakers[0]]
        assert speakers[1 : similar + 1] == near[:similar]
        waiting.subtract(speakers)


@pytest.mark.parametrize("similar", [0, 2, 5])
@pytest.mark.parametrize("size", [4, 7, 24])
def test_nobody_is_twice_in_a_batch_and_groups_stay_whole(similar, size):
    for batch in deal(min(similar, size - 1), size=size):
        speakers = LABELS[batch]
        assert Counter(Counter(speakers.tolist()).values()) == {2: size}
        assert all((batch[::2] % 2 == 0) & (batch[1::2] == batch[::2] + 1))


def test_no_group_comes_again_while_others_can():
    # 72 groups in twelve batches: until only speakers of the batch are left, none came twice.
    dealt = Counter(np.concatenate(deal(3))[::2].tolist())
    assert sum(count > 1 for count in dealt.values()) <= 6
    assert len(dealt) >= 66


def test_lengths_of_vectors_do_not_matter_and_one_without_length_is_nobodys_neighbour():
    longer = VECTORS * np.geomspace(0.01, 100, SPEAKERS)[:, None].astype(np.float32)
    for ours, theirs in zip(deal(3), deal(3, vectors=longer), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert len(deal(3, vectors=np.zeros_like(VECTORS))) == len(GROUPS) // 6


def test_a_sampler_puts_half_of_a_batch_together_once_it_has_vectors():
    settings = SpeakersUtterancesSettings(speakers=6, utterances=2, similar_share=0.5)
    sampler = Sampler(settings, LABELS, seed=4)
    plain = Sampler(settings.model_copy(update={"similar_share": 0.0}), LABELS, seed=4)
    assert sampler.compares_speakers
    assert not plain.compares_speakers
    assert sampler.batches(3) == plain.batches(3) == plain.batches(3, VECTORS)
    together = sampler.batches(3, VECTORS)
    assert together == Sampler(settings, LABELS, seed=4).batches(3, VECTORS)
    assert len(together) == len(plain.batches(3))

    def nearness(batches):
        pairs = [
            cosine(first, second)
            for batch in batches
            for speakers in [sorted({int(LABELS[request.utterance]) for request in batch})]
            for first in speakers
            for second in speakers
            if first < second
        ]
        return sum(pairs) / len(pairs)

    assert nearness(together) > nearness(plain.batches(3)) + 0.1
    # All of a batch: the first has five neighbours beside itself.
    whole = Sampler(settings.model_copy(update={"similar_share": 1.0}), LABELS, seed=4)
    assert nearness(whole.batches(3, VECTORS)) > nearness(together)

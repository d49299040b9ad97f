import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contravox.gallery.voices import NOBODY, Voices
from contravox.scoring.calibration import Calibration
from profiles import examples

D = 5
METHODS = ("mean", "mean of scores", "best")
CALIBRATION = Calibration(offset=-1.0, weights={"score": 7.0})
WITH_QUALITIES = Calibration(
    offset=-1.0,
    weights={
        "score": 7.0,
        "log duration": 0.5,
        "lower bandwidth": 0.7,
        "higher bandwidth": -0.2,
        "lower magnitude": 0.1,
        "higher magnitude": 0.3,
    },
)


def unit(vector):
    return np.asarray(vector, float) / np.linalg.norm(vector)


def slow_score(enrolled, test, scoring):
    """The cosine of a recording's embedding with those of a speaker, one by one."""
    cosines = [unit(each) @ unit(test) for each in enrolled]
    if scoring == "best":
        return max(cosines)
    if scoring == "mean of scores":
        return np.mean(cosines)
    return unit(np.mean([unit(each) for each in enrolled], axis=0)) @ unit(test)


def drawn(generator, count):
    return generator.standard_normal((count, D)).astype(np.float32)


def put(voices, speaker, vectors, seconds=None, bandwidths=None):
    seconds = np.ones(len(vectors)) if seconds is None else np.asarray(seconds, float)
    bandwidths = np.full(len(vectors), 8e3) if bandwidths is None else np.asarray(bandwidths)
    voices.put(np.array([speaker]), np.array([len(vectors)]), vectors, seconds, bandwidths)


def found(voices, test, calibration=None, seconds=1.0, bandwidth=8e3):
    compared = voices.compare(test, seconds, bandwidth, calibration)
    values = compared.scores if calibration is None else compared.ratios
    there = compared.speakers != NOBODY
    return dict(zip(compared.speakers[there].tolist(), values[there].tolist(), strict=True))


@pytest.mark.parametrize("scoring", METHODS)
@examples(30)
@given(
    steps=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 4)), min_size=1, max_size=20),
    seed=st.integers(0, 9),
)
def test_scores_are_those_of_a_slow_gallery_whoever_comes_and_goes(scoring, steps, seed):
    generator = np.random.default_rng(seed)
    voices, slow = Voices(D, scoring), {}
    for speaker, count in steps:
        if count:
            slow[speaker] = drawn(generator, count)
            put(voices, speaker, slow[speaker])
        elif slow.pop(speaker, None) is not None:
            voices.remove(speaker)
        test = drawn(generator, 1)[0]
        expected = {name: slow_score(vectors, test, scoring) for name, vectors in slow.items()}
        assert len(voices) == len(slow)
        assert found(voices, test) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("scoring", METHODS)
def test_many_at_once_are_as_one_by_one(scoring):
    generator = np.random.default_rng(0)
    speakers, counts = np.arange(10, 30), generator.integers(1, 5, 20)
    vectors = drawn(generator, counts.sum())
    seconds = generator.uniform(1, 9, len(vectors))
    bandwidths = generator.uniform(3e3, 8e3, len(vectors))
    at_once, one_by_one = Voices(D, scoring), Voices(D, scoring)
    at_once.put(speakers, counts, vectors, seconds, bandwidths)
    ends = np.cumsum(counts)
    for speaker, start, end in zip(speakers, ends - counts, ends, strict=True):
        own = slice(start, end)
        put(one_by_one, speaker, vectors[own], seconds[own], bandwidths[own])
    test = drawn(generator, 1)[0]
    for calibration in (None, CALIBRATION, WITH_QUALITIES):
        expected = found(one_by_one, test, calibration, 3.0, 5e3)
        assert found(at_once, test, calibration, 3.0, 5e3) == pytest.approx(expected, abs=1e-5)


def test_calibrated_ratios_worked_by_hand():
    enrolled = np.array([[3, 0, 0, 0, 0], [0, 4, 0, 0, 0]], np.float32)
    test = np.array([0, 2, 0, 0, 0], np.float32)
    seconds, bandwidths = [2.0, 6.0], [3e3, 7e3]
    # Of the one: score 0; of the other: 1. Test: 5 s, 4 kHz, length 2.
    first = -1 + 0.5 * np.log(2 / (1 / 2 + 1 / 5)) + 0.7 * 3 - 0.2 * 4 + 0.1 * 2 + 0.3 * 3
    second = -1 + 7 + 0.5 * np.log(2 / (1 / 5 + 1 / 6)) + 0.7 * 4 - 0.2 * 7 + 0.1 * 2 + 0.3 * 4
    # The mean of both has score √½, 4 s, 5 kHz and length 3.5.
    mean = -1 + 7 * 0.5**0.5 + 0.5 * np.log(2 / (1 / 4 + 1 / 5))
    mean += 0.7 * 4 - 0.2 * 5 + 0.1 * 2 + 0.3 * 3.5
    expected = {"mean": mean, "mean of scores": (first + second) / 2, "best": max(first, second)}
    for scoring in METHODS:
        voices = Voices(D, scoring)
        put(voices, 7, enrolled, seconds, bandwidths)
        ratio = found(voices, test, WITH_QUALITIES, 5.0, 4e3)[7]
        assert ratio == pytest.approx(expected[scoring], abs=1e-6)


@pytest.mark.parametrize("scoring", METHODS)
def test_a_bandwidth_that_is_not_known_is_as_the_tests(scoring):
    generator = np.random.default_rng(1)
    vectors, test = drawn(generator, 3), drawn(generator, 1)[0]
    seconds = [1.0, 2.0, 3.0]
    unknown, filled = Voices(D, scoring), Voices(D, scoring)
    put(unknown, 7, vectors, seconds, [np.nan] * 3)
    put(filled, 7, vectors, seconds, [4e3] * 3)
    expected = found(filled, test, WITH_QUALITIES, 5.0, 4e3)
    assert found(unknown, test, WITH_QUALITIES, 5.0, 4e3) == pytest.approx(expected)
    # Of a mean, what is known counts; alone, each is held against the test.
    put(unknown, 7, vectors, seconds, [6e3, np.nan, 7e3])
    put(filled, 7, vectors, seconds, [6e3, 6.5e3 if scoring == "mean" else 4e3, 7e3])
    expected = found(filled, test, WITH_QUALITIES, 5.0, 4e3)
    assert found(unknown, test, WITH_QUALITIES, 5.0, 4e3) == pytest.approx(expected)


def test_the_closest_come_first_and_only_those_who_are_there():
    voices = Voices(2, "mean")
    for speaker, angle in enumerate([1.0, 0.2, 2.0, 0.1, 3.0]):
        put(voices, speaker, np.array([[np.cos(angle), np.sin(angle)]], np.float32))
    voices.remove(3)
    compared = voices.compare(np.array([1, 0], np.float32), 1.0, 8e3)
    closest = compared.speakers[compared.closest(3)].tolist()
    assert closest == [1, 0, 2]
    assert compared.speakers[compared.closest(99)].tolist() == [1, 0, 2, 4]
    assert compared.place_of(2) == 2


def test_nobody_is_close_where_nobody_is():
    voices = Voices(D, "mean")
    assert not len(voices.compare(np.ones(D, np.float32), 1.0, 8e3, CALIBRATION).closest(5))


def test_nothing_of_a_speaker_is_left_in_memory():
    voices = Voices(D, "best")
    put(voices, 1, np.full((2, D), 3, np.float32))
    voices.remove(1)
    assert not voices._vectors.any()
    assert 1 not in voices


def test_rows_of_those_who_left_are_used_again():
    voices = Voices(D, "best")
    generator = np.random.default_rng(0)
    put(voices, 0, drawn(generator, 4))
    before = voices.nbytes
    for speaker in range(1, 50):
        put(voices, speaker, drawn(generator, 4))
        voices.remove(speaker - 1)
    assert voices.nbytes < 3 * before


def test_opposed_voiceprints_score_zero_and_not_nothing():
    voices = Voices(2, "mean")
    put(voices, 0, np.array([[1, 0], [-1, 0]], np.float32))
    assert found(voices, np.array([1, 0], np.float32)) == {0: 0.0}

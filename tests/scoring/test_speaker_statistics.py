import numpy as np
import pytest

from contravox.errors import ScoringError
from contravox.scoring import speaker_statistics
from contravox.scoring.speaker_statistics import SpeakerStatistics, mean_and_scatter


def made(seed=0):
    generator = np.random.default_rng(seed)
    speakers = np.array(["b", "a", "c"])[generator.integers(3, size=40)]
    return (3 + generator.normal(size=(40, 4))).astype(np.float32), speakers


@pytest.mark.parametrize("block", [1, 20, 2**20])
def test_statistics_are_those_of_the_loop(monkeypatch, block):
    monkeypatch.setattr(speaker_statistics, "BLOCK", block)
    vectors, speakers = made()
    statistics = SpeakerStatistics.of(vectors, speakers)
    within = np.zeros((4, 4))
    for row, speaker in enumerate("abc"):
        own = vectors[speakers == speaker].astype(np.float64)
        mean = own.mean(axis=0)
        np.testing.assert_allclose(statistics.means[row] + statistics.mean, mean, rtol=1e-5)
        assert statistics.counts[row] == len(own)
        for vector in own:
            within += np.outer(vector - mean, vector - mean)
    np.testing.assert_allclose(statistics.mean, vectors.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(statistics.within, within, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(statistics.within_covariance, within / 37, rtol=1e-4, atol=1e-5)


def test_scatter_is_that_of_numpy():
    vectors, _ = made(1)
    mean, scatter = mean_and_scatter(vectors)
    np.testing.assert_allclose(mean, vectors.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(scatter / 39, np.cov(vectors.T), rtol=1e-5)


def test_too_little_is_refused():
    vectors, speakers = made()
    with pytest.raises(ScoringError, match=r"1 speaker\(s\)"):
        SpeakerStatistics.of(vectors, ["a"] * 40)
    with pytest.raises(ScoringError, match="6 utterances of 3 speakers are too few"):
        SpeakerStatistics.of(vectors[:6], ["a", "b", "c"] * 2)
    with pytest.raises(ScoringError, match="utterance 7 has no speaker"):
        SpeakerStatistics.of(vectors, [*speakers[:7], None, *speakers[8:]])
    vectors[5, 0] = np.nan
    with pytest.raises(ScoringError, match="row 5 is not finite"):
        SpeakerStatistics.of(vectors, speakers)

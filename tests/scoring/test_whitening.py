import numpy as np
import pytest
from sklearn.decomposition import PCA

from contravox.errors import ScoringError
from contravox.scoring import whitening
from contravox.scoring.whitening import Whitening


def correlated(count, seed=0, width=5):
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(width, width))
    return 4 + generator.normal(size=(count, width)) @ mixing


@pytest.mark.parametrize("block", [1, 20, 2**20])
def test_mean_subtraction_by_hand(monkeypatch, block):
    monkeypatch.setattr(whitening, "BLOCK", block)
    learned = Whitening.learn(np.array([[1, 2], [3, 6]]), method="mean subtraction")
    np.testing.assert_allclose(
        learned.apply(np.array([[2, 6], [5, 8], [2, 3]])), [[0, 1], [0.6, 0.8], [0, -1]], rtol=1e-6
    )


def test_whitened_embeddings_have_no_mean_and_an_even_spread():
    vectors = correlated(4000)
    learned = Whitening.learn(vectors)
    whitened = (vectors - learned.mean) @ learned.matrix
    np.testing.assert_allclose(whitened.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.cov(whitened.T), np.eye(5), atol=1e-2)
    np.testing.assert_allclose(np.linalg.norm(learned.apply(vectors), axis=1), 1, rtol=1e-5)
    # ZCA is the symmetric one; its cosines are those of scikit-learn's whitening, which is turned.
    np.testing.assert_allclose(learned.matrix, learned.matrix.T)
    assert np.linalg.eigvalsh(learned.matrix).min() > 0
    turned = PCA(whiten=True).fit(vectors).transform(vectors[:20])
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    units = learned.apply(vectors[:20])
    np.testing.assert_allclose(units @ units.T, turned @ turned.T, atol=1e-4)


def test_within_class_whitening_evens_out_speakers():
    generator = np.random.default_rng(1)
    speakers = generator.integers(30, size=3000)
    own = 10 * generator.normal(size=(30, 5))
    vectors = own[speakers] + correlated(3000, seed=2)
    learned = Whitening.learn(vectors, speakers, "within-class whitening")
    whitened = (vectors - learned.mean) @ learned.matrix
    within = sum(
        np.cov(whitened[speakers == s].T, bias=True) * np.sum(speakers == s) for s in range(30)
    )
    np.testing.assert_allclose(within / (3000 - 30), np.eye(5), atol=1e-2)


def test_a_number_that_never_changes_does_no_harm():
    vectors = np.concatenate([correlated(100), np.full((100, 1), 0.1)], axis=1)
    learned = Whitening.learn(vectors)
    plain = Whitening.learn(vectors[:, :5])
    tests = correlated(10, seed=3)
    # Noise in it is rounding, not a voice.
    same = np.concatenate([tests, np.full((10, 1), 0.10001)], axis=1)
    np.testing.assert_allclose(learned.apply(same)[:, :5], plain.apply(tests), atol=0.01)


def test_bad_input_is_refused():
    vectors = correlated(50)
    with pytest.raises(ScoringError, match="needs 6 of them or more, got 5"):
        Whitening.learn(vectors[:5])
    with pytest.raises(ScoringError, match="all embeddings are one"):
        Whitening.learn(np.ones((50, 5)))
    with pytest.raises(ValueError, match="needs speakers"):
        Whitening.learn(vectors, method="within-class whitening")
    learned = Whitening.learn(vectors)
    with pytest.raises(ScoringError, match="learned on 5"):
        learned.apply(np.ones((2, 4)))
    with pytest.raises(ScoringError, match="whitened embeddings: row 1 is zero"):
        learned.apply(np.stack([vectors[0].astype(np.float32), learned.mean]))
    vectors[3, 2] = np.inf
    with pytest.raises(ScoringError, match="row 3 is not finite"):
        learned.apply(vectors)

import itertools

import numpy as np
import pytest

from contravox.corpora import clustering
from contravox.corpora.clustering import cluster_embeddings


def groups(count=6, size=20, width=16, spread=0.1, seed=0):
    """Embeddings (count·size, width) of any length around ``count`` directions, in random order."""
    generator = np.random.default_rng(seed)
    directions, _ = np.linalg.qr(generator.standard_normal((width, width)))
    of = generator.permutation(np.repeat(np.arange(count), size))
    vectors = directions[of] + spread * generator.standard_normal((len(of), width))
    return (vectors * generator.uniform(0.01, 100, (len(of), 1))).astype(np.float32), of


def together(numbers):
    """(n, n) whether two are in one cluster, whatever it is called."""
    return numbers[:, None] == numbers


@pytest.mark.parametrize("centroids", [None, 30])
@pytest.mark.parametrize("small", [20_000, 10])
def test_directions_are_found_whatever_the_lengths(monkeypatch, centroids, small):
    monkeypatch.setattr(clustering, "SMALL", small)
    vectors, of = groups(spread=0.02)
    # A start of k-means with two centres in one group may stay there; one of five does not.
    found = [
        np.array_equal(
            together(cluster_embeddings(vectors.copy(), 6, centroids=centroids, seed=seed).numbers),
            together(of),
        )
        for seed in range(5)
    ]
    assert any(found)
    assert centroids is None or all(found)


def test_the_same_for_a_seed_and_for_other_lengths():
    vectors, _ = groups(spread=0.6)
    one = cluster_embeddings(vectors.copy(), 8, centroids=30, seed=3)
    again = cluster_embeddings(vectors * np.float32(2**20), 8, centroids=30, seed=3)
    np.testing.assert_array_equal(one.numbers, again.numbers)
    np.testing.assert_array_equal(one.cosines, again.cosines)
    other = cluster_embeddings(vectors.copy(), 8, centroids=30, seed=4)
    assert not np.array_equal(together(one.numbers), together(other.numbers))


def test_agglomeration_of_single_embeddings_is_wards():
    vectors, _ = groups(3, 4, spread=0.5)
    units = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float64)

    def scatter(rows):
        return np.square(units[rows] - units[rows].mean(axis=0)).sum()

    wanted = [[row] for row in range(len(units))]
    while len(wanted) > 4:
        one, other = min(
            itertools.combinations(wanted, 2),
            key=lambda pair: scatter(pair[0] + pair[1]) - scatter(pair[0]) - scatter(pair[1]),
        )
        wanted = [each for each in wanted if each not in (one, other)] + [one + other]
    found = cluster_embeddings(vectors, 4, centroids=len(vectors)).numbers
    assert {frozenset(np.flatnonzero(found == number).tolist()) for number in range(4)} == {
        frozenset(rows) for rows in wanted
    }


def test_cosines_are_to_the_mean_of_the_whole_cluster(monkeypatch):
    monkeypatch.setattr(clustering, "ROWS", 7)
    vectors, _ = groups(spread=0.5)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = cluster_embeddings(vectors, 5, centroids=40)
    for row, number in enumerate(found.numbers):
        mean = units[found.numbers == number].mean(axis=0)
        cosine = units[row] @ mean / np.linalg.norm(mean)
        assert found.cosines[row] == pytest.approx(cosine, abs=1e-5)


@pytest.mark.parametrize("centroids", [None, 8])
def test_embeddings_that_are_the_same_make_fewer_clusters(centroids, recwarn):
    vectors = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
    found = cluster_embeddings(vectors, 6, centroids=centroids)
    np.testing.assert_array_equal(together(found.numbers), together(np.repeat(range(3), 5)))
    np.testing.assert_allclose(found.cosines, 1, atol=1e-6)
    assert not list(recwarn)


def test_lengths_at_the_ends_of_32_bits():
    vectors = np.repeat(np.eye(2, dtype=np.float32), 2, axis=0)
    vectors *= np.array([[3e38], [1e-38], [2e38], [1e-30]], np.float32)
    numbers = cluster_embeddings(vectors, 2).numbers
    np.testing.assert_array_equal(together(numbers), together(np.array([0, 0, 1, 1])))

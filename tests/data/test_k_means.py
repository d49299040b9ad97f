import numpy as np
import pytest
import torch
import torch.nn.functional as F

from contravox.data import k_means as module
from contravox.data.k_means import ITERATIONS, k_means, nearest


def directions(rows, size=5, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((rows, size))
    return F.normalize(torch.from_numpy(vectors.astype(np.float32)), dim=1)


def slow_k_means(units, count, generator):
    """One vector at a time, in double precision."""
    vectors = units.double().numpy()
    centroids = vectors[np.sort(generator.choice(len(vectors), count, replace=False))]
    clusters = None
    for _ in range(ITERATIONS):
        before = clusters
        clusters = [max(range(count), key=lambda k: vector @ centroids[k]) for vector in vectors]
        if before == clusters:
            break
        for k in set(clusters):
            total = sum(vectors[row] for row, own in enumerate(clusters) if own == k)
            centroids[k] = total / np.sqrt(sum(total**2))
    held = sorted(set(clusters))
    return [held.index(k) for k in clusters], centroids[held]


@pytest.mark.parametrize(("rows", "count"), [(60, 7), (40, 1), (30, 30)])
def test_clusters_are_those_of_a_slow_obvious_version(rows, count):
    units = directions(rows)
    clusters, centroids = k_means(units, count, np.random.default_rng(3))
    expected, slow = slow_k_means(units, count, np.random.default_rng(3))
    assert clusters.tolist() == expected
    np.testing.assert_allclose(centroids, slow, atol=1e-5)


def test_groups_far_apart_are_found_and_the_empty_left_out():
    # Twenty copies of each of three directions: most of nine first centroids are the same.
    units = torch.eye(3).repeat(20, 1)
    clusters, centroids = k_means(units, 9, np.random.default_rng(0))
    assert len(centroids) == 3
    assert torch.equal(centroids[clusters], units)
    # More than there are vectors: each is alone.
    few = directions(4)
    assert sorted(k_means(few, 9, np.random.default_rng(0))[0].tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("block", [1, 100, 2**26])
@pytest.mark.parametrize("but_itself", [False, True])
def test_the_nearest_are_those_of_the_highest_cosines(block, but_itself, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", block)
    units = directions(30)
    cosines = (units @ units.T).numpy()
    for row, found in enumerate(nearest(units, units, 4, but_itself=but_itself).tolist()):
        order = [each for each in np.argsort(-cosines[row]).tolist() if each != row]
        assert found == (order[:4] if but_itself else [row, *order[:3]])

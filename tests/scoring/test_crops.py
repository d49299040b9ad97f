import numpy as np
import pytest

from contravox.errors import ScoringError
from contravox.scoring.cosine import cosine_scores
from contravox.scoring.crops import average_crops, join_crops


def pairs_of_crops(left, right):
    every = np.stack(np.meshgrid(range(len(left)), range(len(right))), axis=-1).reshape(-1, 2)
    return cosine_scores(left, right, every).mean()


def test_scores_of_averaged_crops_are_means_over_pairs_of_crops():
    crops = np.random.default_rng(0).normal(size=(3, 4, 5))
    vectors = average_crops(crops)
    assert vectors.shape == (3, 5)
    for i in range(3):
        for j in range(3):
            slow = pairs_of_crops(crops[i], crops[j])
            np.testing.assert_allclose(vectors[i] @ vectors[j], slow, atol=1e-6)


def test_scores_of_joined_crops_are_means_with_the_whole():
    generator = np.random.default_rng(1)
    whole, crops = generator.normal(size=(3, 5)), generator.normal(size=(3, 4, 5))
    vectors = join_crops(whole, crops)
    for i, j in [(0, 1), (2, 0), (1, 1)]:
        cosine = cosine_scores(whole, whole, [[i, j]])[0]
        slow = (cosine + pairs_of_crops(crops[i], crops[j])) / 2
        np.testing.assert_allclose(vectors[i] @ vectors[j], slow, atol=1e-6)


def test_a_crop_without_direction_is_refused():
    crops = np.ones((2, 3, 4))
    crops[1, 0] = 0
    with pytest.raises(ScoringError, match="crops: row 3 is zero"):
        average_crops(crops)

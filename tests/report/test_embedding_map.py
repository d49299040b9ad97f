import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA

from contravox.report.embedding_map import EmbeddingMap, map_embeddings


def two_speakers(utterances: int, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Embeddings of very different lengths, but of two directions."""
    generator = np.random.default_rng(seed)
    directions = np.repeat(np.eye(2, 16), utterances, axis=0)
    vectors = directions + 0.1 * generator.standard_normal(directions.shape)
    lengths = generator.uniform(0.1, 50, size=(len(vectors), 1))
    return (lengths * vectors).astype(np.float32), ["anna"] * utterances + ["bea"] * utterances


def separation(mapped: EmbeddingMap) -> float:
    """Distance of the two speakers' centres over the mean distance from one's own centre."""
    speakers = np.array(mapped.speakers)
    groups = [mapped.positions[speakers == name] for name in ("anna", "bea")]
    centres = [group.mean(axis=0) for group in groups]
    spreads = [
        np.linalg.norm(group - centre, axis=1).mean()
        for group, centre in zip(groups, centres, strict=True)
    ]
    return float(np.linalg.norm(centres[0] - centres[1]) / np.mean(spreads))


def test_speakers_apart_stay_apart() -> None:
    mapped = map_embeddings(*two_speakers(40))
    assert mapped.method == "t-SNE"
    assert mapped.positions.shape == (80, 2)
    assert separation(mapped) > 3


def test_speakers_alike_are_not_drawn_apart() -> None:
    vectors = np.random.default_rng(0).standard_normal((80, 16)).astype(np.float32)
    assert separation(map_embeddings(vectors, ["anna"] * 40 + ["bea"] * 40)) < 1


def test_without_scikit_learn_the_principal_components(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, speakers = two_speakers(40)
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    mapped = map_embeddings(vectors, speakers)
    assert mapped.method == "PCA"
    assert separation(mapped) > 3
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = PCA(2).fit_transform(units)
    np.testing.assert_allclose(np.abs(mapped.positions), np.abs(expected), atol=1e-5)


def test_few_utterances_are_mapped_too() -> None:
    for count in (1, 2, 5):
        vectors, speakers = two_speakers(count)
        mapped = map_embeddings(vectors[:count], speakers[:count])
        assert mapped.method == "PCA"
        assert mapped.positions.shape == (count, 2)
        assert np.isfinite(mapped.positions).all()


def test_all_utterances_alike_and_silent_ones_have_a_place() -> None:
    for vectors in (np.ones((12, 4), np.float32), np.zeros((12, 4), np.float32)):
        assert np.isfinite(map_embeddings(vectors, ["anna"] * 12).positions).all()


def test_same_seed_same_map_and_vectors_stay_as_they_were() -> None:
    vectors, speakers = two_speakers(30)
    before = vectors.copy()
    first, second = (map_embeddings(vectors, speakers, maximum=40, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.positions, second.positions)
    assert first.speakers == second.speakers
    np.testing.assert_array_equal(vectors, before)


def test_of_many_utterances_whole_speakers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    speakers = [f"s{place % 50}" for place in range(2000)]
    vectors = np.random.default_rng(0).standard_normal((2000, 4)).astype(np.float32)
    mapped = map_embeddings(vectors, speakers, maximum=200)
    # 200 leave 4 a speaker, so that ten speakers are drawn with 20 each.
    names, counts = np.unique(mapped.speakers, return_counts=True)
    assert counts.tolist() == [20] * 10
    assert names.tolist() != sorted(set(speakers))[:10]
    assert map_embeddings(vectors, speakers, maximum=200, seed=1).speakers != mapped.speakers
    # With room for more of each, all speakers are there.
    _, counts = np.unique(
        map_embeddings(vectors, speakers, maximum=1500).speakers, return_counts=True
    )
    assert counts.tolist() == [30] * 50


def test_each_position_is_that_of_its_own_utterance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    vectors, speakers = two_speakers(100)
    mixed = np.random.default_rng(1).permutation(200)
    mapped = map_embeddings(vectors[mixed], [speakers[row] for row in mixed], maximum=60)
    assert len(mapped.positions) == 60
    assert separation(mapped) > 3


def test_unknown_speakers_are_mapped() -> None:
    vectors, speakers = two_speakers(10)
    mapped = map_embeddings(vectors, [*speakers[:15], *[None] * 5], maximum=15)
    assert len(mapped.speakers) == 15


def test_a_speaker_is_needed_for_each_embedding() -> None:
    with pytest.raises(ValueError, match="a speaker for each"):
        map_embeddings(np.ones((3, 2), np.float32), ["anna"])
    with pytest.raises(ValueError, match="a speaker for each"):
        map_embeddings(np.ones((0, 2), np.float32), [])

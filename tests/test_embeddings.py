import numpy as np
import pytest

from contravox.embeddings import Embeddings
from contravox.errors import ModelError, TrialsError


@pytest.fixture
def embeddings():
    return Embeddings(["b", "a", "é c"], np.arange(6, dtype=np.float32).reshape(3, 2))


def test_saved_and_loaded_again(tmp_path, embeddings):
    embeddings.save(tmp_path / "e.npz")
    loaded = Embeddings.load(tmp_path / "e.npz")
    assert loaded.utterances == embeddings.utterances
    np.testing.assert_array_equal(loaded.vectors, embeddings.vectors)
    assert loaded.vectors.dtype == np.float32


def test_rows_follow_the_order_asked_for(embeddings):
    assert embeddings.rows(["é c", "b", "a", "b"]).tolist() == [2, 0, 1, 0]


def test_an_utterance_without_embedding(embeddings):
    with pytest.raises(TrialsError, match="1 utterances have no embedding, such as 'x'"):
        embeddings.rows(["a", "x"])


def test_files_that_hold_no_embeddings(tmp_path, embeddings):
    with pytest.raises(ModelError, match="no such file"):
        Embeddings.load(tmp_path / "none.npz")
    path = tmp_path / "e.npz"
    embeddings.save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelError, match="not a whole file of embeddings"):
        Embeddings.load(path)
    np.savez(path, other=np.zeros(2))
    with pytest.raises(ModelError, match="not a whole file of embeddings"):
        Embeddings.load(path)


def test_nothing_in_the_file_is_unpickled(tmp_path):
    path = tmp_path / "e.npz"
    np.savez(path, utterances=np.array([{"a": 1}], dtype=object), embeddings=np.zeros((1, 2)))
    with pytest.raises(ModelError, match="allow_pickle"):
        Embeddings.load(path)


def test_several_files_together(embeddings):
    other = Embeddings(["d"], np.ones((1, 2), np.float32))
    joined = Embeddings.joined([embeddings, other])
    assert joined.utterances == ["b", "a", "é c", "d"]
    np.testing.assert_array_equal(joined.vectors[3], [1, 1])
    with pytest.raises(ModelError, match="share names"):
        Embeddings.joined([embeddings, embeddings])
    with pytest.raises(ModelError, match="different sizes"):
        Embeddings.joined([embeddings, Embeddings(["d"], np.ones((1, 3), np.float32))])

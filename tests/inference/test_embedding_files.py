from pathlib import Path

import kaldiio
import numpy as np
import polars as pl
import pytest

from contravox.embeddings import Embeddings
from contravox.errors import ModelError, OutputError
from contravox.inference.embedding_files import other_files, write_embeddings

VECTORS = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
EMBEDDINGS = Embeddings(["a", "b/ü", "c" * 50], VECTORS)


@pytest.mark.parametrize("ending", ["ark", "scp"])
def test_another_library_reads_the_archive_and_its_list(tmp_path, ending, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "with spaces").mkdir()
    path = tmp_path / "with spaces" / f"e.{ending}"
    write_embeddings(path, EMBEDDINGS)
    monkeypatch.chdir("/")
    archive = dict(kaldiio.load_ark(str(path.with_suffix(".ark"))))
    listed = kaldiio.load_scp(str(path.with_suffix(".scp")))
    assert list(archive) == list(listed) == EMBEDDINGS.utterances
    for name, vector in zip(EMBEDDINGS.utterances, VECTORS, strict=True):
        assert archive[name].dtype == np.float32
        np.testing.assert_array_equal(archive[name], vector)
        np.testing.assert_array_equal(listed[name], vector)


def test_a_parquet_file_holds_names_and_arrays(tmp_path):
    write_embeddings(tmp_path / "e.parquet", EMBEDDINGS)
    table = pl.read_parquet(tmp_path / "e.parquet")
    assert table["utterance"].to_list() == EMBEDDINGS.utterances
    assert table.schema["embedding"] == pl.Array(pl.Float32, 5)
    np.testing.assert_array_equal(table["embedding"].to_numpy(), VECTORS)


@pytest.mark.parametrize("name", ["a b", "", "a\t", "\u00a0"])
def test_a_name_that_kaldi_would_cut_is_refused_and_nothing_is_written(tmp_path, name):
    with pytest.raises(ModelError, match="which ends a name in Kaldi's files"):
        write_embeddings(tmp_path / "e.ark", Embeddings(["a", name], VECTORS[:2]))
    assert not list(tmp_path.iterdir())


def test_other_endings_are_refused():
    for name in ("e.txt", "e", "e.h5"):
        with pytest.raises(OutputError, match=r"are written to .npz, .ark with .scp, or .parquet"):
            other_files(Path(name))

from pathlib import Path

import kaldiio
import numpy as np
import polars as pl
import pytest

from contravox.embeddings import Embeddings
from contravox.errors import ModelError, OutputError
from contravox.inference.embed import Embedded
from contravox.inference.embedding_files import other_files, write_embeddings
from contravox.manifest import Manifest
from small_models import small_model

VECTORS = np.random.default_rng(0).standard_normal((3, 12)).astype(np.float32)
NAMES = ["a", "b/ü", "c" * 50]
MODEL = small_model()


def write(path, names=NAMES):
    """Write embeddings of that many names; the middle one is of nobody known."""
    table = pl.DataFrame({"utterance": names, "speaker": ["x", None, "z"][: len(names)]})
    vectors, seconds = VECTORS[: len(names)], np.array([1.5, 0.0, 2.25])[: len(names)]
    embedded = Embedded(Embeddings(names, vectors), {}, seconds)
    write_embeddings(path, MODEL, Manifest(table.reverse()), embedded)


@pytest.mark.parametrize("ending", ["ark", "scp"])
def test_another_library_reads_the_archive_and_its_list(tmp_path, ending, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "with spaces").mkdir()
    path = tmp_path / "with spaces" / f"e.{ending}"
    write(path)
    monkeypatch.chdir("/")
    archive = dict(kaldiio.load_ark(str(path.with_suffix(".ark"))))
    listed = kaldiio.load_scp(str(path.with_suffix(".scp")))
    assert list(archive) == list(listed) == NAMES
    for name, vector in zip(NAMES, VECTORS, strict=True):
        assert archive[name].dtype == np.float32
        np.testing.assert_array_equal(archive[name], vector)
        np.testing.assert_array_equal(listed[name], vector)


def test_a_parquet_file_holds_what_a_database_of_speakers_asks_for(tmp_path):
    write(tmp_path / "e.parquet")
    table = pl.read_parquet(tmp_path / "e.parquet")
    assert table.columns == ["utterance", "speaker", "embedding", "speech_seconds", "model"]
    assert table["utterance"].to_list() == NAMES
    assert table["speaker"].to_list() == ["x", None, "z"]
    assert table["speech_seconds"].to_list() == [1.5, 0.0, 2.25]
    assert set(table["model"]) == {MODEL.digest}
    assert table.schema["embedding"] == pl.Array(pl.Float32, 12)
    np.testing.assert_array_equal(table["embedding"].to_numpy(), VECTORS)


@pytest.mark.parametrize("name", ["a b", "", "a\t", "\u00a0"])
def test_a_name_that_kaldi_would_cut_is_refused_and_nothing_is_written(tmp_path, name):
    with pytest.raises(ModelError, match="which ends a name in Kaldi's files"):
        write(tmp_path / "e.ark", ["a", name])
    assert not list(tmp_path.iterdir())


def test_other_endings_are_refused():
    for name in ("e.txt", "e.h5"):
        with pytest.raises(
            OutputError, match=r"are written to .npz, .ark with .scp, .parquet, or a folder"
        ):
            other_files(Path(name))

import shutil

import numpy as np
import polars as pl
import pytest
import torch

from contravox import embedding_cache
from contravox.corpora.folder import folder_recordings
from contravox.corpora.scan import scan_recordings
from contravox.embedding import Crops, embed_manifest
from contravox.embedding_cache import embed_once
from contravox.encoders.ecapa_tdnn import EcapaTdnnSettings
from contravox.features import FeatureSettings
from contravox.manifest import Manifest
from contravox.model import Model, ModelSettings


def small_model(seed=0):
    torch.manual_seed(seed)
    encoder = EcapaTdnnSettings(channels=16, aggregation=24, bottleneck=8, embedding_size=6)
    return Model(ModelSettings(features=FeatureSettings(bins=20), encoder=encoder)).eval()


@pytest.fixture
def model():
    return small_model()


@pytest.fixture
def manifest(tone_corpus):
    table = scan_recordings(folder_recordings(tone_corpus)).manifest.table.head(12)
    return Manifest(table.select(pl.exclude("digest")))


@pytest.fixture
def embedded(monkeypatch):
    """How many utterances were embedded, call by call."""
    counts = []

    def counting(model, manifest, **options):
        counts.append(len(manifest))
        return real(model, manifest, **options)

    real = embedding_cache.embed_readable
    monkeypatch.setattr(embedding_cache, "embed_readable", counting)
    return counts


def test_only_what_is_new_is_embedded(model, manifest, embedded, tmp_path):
    few, expected = Manifest(manifest.table.head(5)), embed_manifest(model, manifest)
    assert len(embed_once(model, few, tmp_path).embeddings) == 5
    seen = []
    both = embed_once(model, manifest, tmp_path, progress=lambda *done: seen.append(done))
    assert embedded == [5, 7]
    assert seen[-1] == (12, 12)
    again = embed_once(model, manifest, tmp_path)
    assert embedded == [5, 7]
    for found in (both, again):
        assert found.embeddings.utterances == expected.utterances
        np.testing.assert_allclose(found.embeddings.vectors, expected.vectors, atol=1e-4)


def test_an_interrupt_keeps_the_parts_that_are_done(
    model, manifest, embedded, tmp_path, monkeypatch
):
    monkeypatch.setattr(embedding_cache, "PART", 5)

    def stop(done, total):
        if done > 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_once(model, manifest, tmp_path, progress=stop)
    embed_once(model, manifest, tmp_path)
    assert embedded == [5, 5, 5, 2]


def test_another_model_other_crops_and_other_audio_are_embedded_again(
    model, manifest, embedded, tmp_path
):
    embed_once(model, manifest, tmp_path)
    embed_once(small_model(1), manifest, tmp_path)
    embed_once(model, manifest, tmp_path, crops=Crops(2, 0.3))
    assert embedded == [12, 12, 12]
    path = manifest.table["path"][3]
    copy = shutil.copy(path, tmp_path / "copy.wav")
    moved = manifest.table.with_columns(
        path=pl.when(pl.col("path") == path).then(pl.lit(str(copy))).otherwise("path")
    )
    embed_once(model, Manifest(moved), tmp_path)
    assert embedded == [12, 12, 12, 1]


def test_content_is_what_counts_where_it_is_known(model, manifest, embedded, tmp_path):
    known = manifest.table.with_columns(digest=pl.Series([f"{row:016x}" for row in range(12)]))
    first = embed_once(model, Manifest(known), tmp_path)
    renamed = known.with_columns(utterance="other/" + pl.col("utterance"))
    second = embed_once(model, Manifest(renamed), tmp_path)
    assert embedded == [12]
    np.testing.assert_array_equal(first.embeddings.vectors, second.embeddings.vectors)
    assert second.embeddings.utterances[0] == f"other/{first.embeddings.utterances[0]}"


def test_another_part_of_the_same_audio_is_another_utterance(model, manifest, embedded, tmp_path):
    known = manifest.table.head(1).with_columns(digest=pl.lit("a" * 16))
    later = known.with_columns(utterance=pl.lit("later"), start=0.2, duration=0.5)
    both = embed_once(model, Manifest(pl.concat([known, later])), tmp_path).embeddings
    expected = embed_manifest(model, Manifest(later)).vectors[0]
    found = both.vectors[both.utterances.index("later")]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_digest_follows_what_decides_embeddings(model):
    digest = model.digest
    model.annotate(threshold=0.5)
    assert model.digest == digest
    assert small_model(1).digest != digest
    next(iter(model.parameters())).data[0] += 1e-3
    assert model.digest != digest


def test_unreadable_utterances_are_told_and_tried_again(model, manifest, embedded, tmp_path):
    table = manifest.table.with_columns(
        path=pl.when(pl.int_range(12) == 2).then(pl.lit("/gone.wav")).otherwise("path")
    )
    for _ in range(2):
        found = embed_once(model, Manifest(table), tmp_path)
        assert list(found.unreadable) == [manifest.table["utterance"][2]]
        assert len(found.embeddings) == 11
    assert embedded == [12, 1]


def test_a_damaged_file_is_made_again(model, manifest, embedded, tmp_path):
    embed_once(model, manifest, tmp_path)
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    assert len(embed_once(model, manifest, tmp_path).embeddings) == 12
    assert embedded == [12, 12]

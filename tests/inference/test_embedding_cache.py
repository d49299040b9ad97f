import os
import shutil

import numpy as np
import polars as pl
import pytest
import soundfile
import torch

from contravox.corpora.folder import folder_recordings
from contravox.corpora.scan import scan_recordings
from contravox.embeddings import Embeddings
from contravox.encoders.ecapa_tdnn import EcapaTdnnSettings
from contravox.errors import OutputError
from contravox.features import FeatureSettings
from contravox.inference import embedding_cache
from contravox.inference.embed import Crops, embed_manifest
from contravox.inference.embedding_cache import embed_once
from contravox.manifest import COLUMNS, Manifest
from contravox.model import Model, ModelSettings
from stores import TroubledStore
from tones import tone


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


def test_another_model_and_other_crops_are_embedded_again(model, manifest, embedded, tmp_path):
    embed_once(model, manifest, tmp_path)
    embed_once(small_model(1), manifest, tmp_path)
    embed_once(model, manifest, tmp_path, crops=Crops(2, 0.3))
    # As close as this, crops have one name for people.
    embed_once(model, manifest, tmp_path, crops=Crops(2, 0.3000001))
    assert embedded == [12, 12, 12, 12]


def padded(path, seconds, seed):
    """Write a recording of a fixed length: a second of a voice, then zeros up to ``seconds``."""
    samples = np.zeros(int(16_000 * seconds), np.float32)
    samples[:16_000] = tone(1.0, 100 + 40 * seed, seed=seed)
    soundfile.write(path, samples, 16_000)


def fixed_length_corpus(folder):
    """Five recordings of 10 s, alike but for their first second."""
    for number in range(5):
        (folder / f"s{number}").mkdir(parents=True, exist_ok=True)
        padded(folder / f"s{number}" / "a.wav", 10, number)
    return scan_recordings(folder_recordings(folder)).manifest


def test_recordings_alike_but_for_their_beginnings_have_embeddings_of_their_own(model, tmp_path):
    manifest = fixed_length_corpus(tmp_path / "in")
    assert manifest.table["digest"].n_unique() == 5
    found = embed_once(model, manifest, tmp_path / "cache").embeddings.vectors
    np.testing.assert_allclose(found, embed_manifest(model, manifest).vectors, atol=1e-4)
    assert len(np.unique(found, axis=0)) == 5


def replaced_in_place(path, kept_times):
    padded(path, 10, 9)
    kept_times(path)


def copied_over(path, kept_times):
    other = path.with_name("other.wav")
    padded(other, 10, 9)
    kept_times(other)
    other.replace(path)


@pytest.mark.parametrize("replace", [replaced_in_place, copied_over])
def test_audio_replaced_under_the_same_manifest_is_embedded_again(
    model, embedded, tmp_path, replace
):
    manifest = fixed_length_corpus(tmp_path / "in")
    embed_once(model, manifest, tmp_path / "cache")
    path = tmp_path / "in" / "s2" / "a.wav"
    before = path.stat()
    # Size and time of modification tell nothing, as after `cp -p` or `rsync -t`.
    replace(path, lambda new: os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns)))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    found = embed_once(model, manifest, tmp_path / "cache").embeddings.vectors
    assert embedded == [5, 1]
    np.testing.assert_allclose(found, embed_manifest(model, manifest).vectors, atol=1e-4)


def test_audio_replaced_while_it_is_embedded_is_not_kept(model, embedded, tmp_path):
    manifest = fixed_length_corpus(tmp_path / "in")

    def replace(done, total):
        if done == total:
            padded(tmp_path / "in" / "s2" / "a.wav", 10, 9)

    embed_once(model, manifest, tmp_path / "cache", progress=replace)
    embed_once(model, manifest, tmp_path / "cache")
    assert embedded == [5, 1]


def test_a_part_of_a_shard_that_is_made_anew_is_embedded_again(model, embedded, tmp_path):
    tar, cache = tmp_path / "a.tar", tmp_path / "cache"
    for seed in (1, 1, 2):
        padded(tmp_path / "a.wav", 1, seed)
        tar.write_bytes((tmp_path / "a.wav").read_bytes())
        part = alone(f"{tar}#bytes=0-{tar.stat().st_size - 1}")
        found = embed_once(model, part, cache).embeddings.vectors
        np.testing.assert_allclose(found, embed_manifest(model, part).vectors, atol=1e-4)
    # The same bytes again are the same recording.
    assert embedded == [1, 1]


def alone(path):
    """A manifest of one recording of 1 s."""
    row = ("u", None, None, path, 0.0, 1.0, 16_000)
    return Manifest(pl.DataFrame([row], schema=COLUMNS, orient="row"))


def test_what_a_store_holds_is_known_by_what_the_store_says(model, embedded, tmp_path):
    TroubledStore.begin()
    utterances = alone("troubled://bucket/a.wav")
    for seed in (1, 2):
        padded(tmp_path / "a.wav", 1, seed)
        TroubledStore().pipe_file("/bucket/a.wav", (tmp_path / "a.wav").read_bytes())
        for _ in range(2):
            found = embed_once(model, utterances, tmp_path / "cache").embeddings.vectors
            np.testing.assert_allclose(found, embed_manifest(model, utterances).vectors)
    assert embedded == [1, 1]


def test_what_a_silent_store_holds_is_embedded_every_time(model, embedded, tmp_path, monkeypatch):
    TroubledStore.begin()
    padded(tmp_path / "a.wav", 1, 1)
    TroubledStore().pipe_file("/bucket/a.wav", (tmp_path / "a.wav").read_bytes())
    monkeypatch.setattr(TroubledStore, "info", lambda *_, **__: {"size": 32_044})
    for _ in range(2):
        found = embed_once(model, alone("troubled://bucket/a.wav"), tmp_path / "cache")
        assert len(found.embeddings) == 1
    assert embedded == [1, 1]


def test_processes_that_embed_at_once_lose_nothing_of_each_other(
    model, manifest, embedded, tmp_path
):
    halves = [Manifest(manifest.table.head(7)), Manifest(manifest.table.tail(7))]

    def another(done, total):
        if done == total and len(embedded) == 1:
            embed_once(model, halves[1], tmp_path)

    embed_once(model, halves[0], tmp_path, progress=another)
    embed_once(model, manifest, tmp_path)
    assert embedded == [7, 7]


def test_the_content_is_what_counts(model, manifest, embedded, tmp_path):
    first = embed_once(model, manifest, tmp_path)
    copies = []
    for number, path in enumerate(manifest.table["path"]):
        copies.append(str(shutil.copy(path, tmp_path / f"copy{number}.wav")))
    renamed = manifest.table.with_columns(
        utterance="other/" + pl.col("utterance"), path=pl.Series(copies)
    )
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


def cut_short(path):
    path.write_bytes(path.read_bytes()[:100])


def not_finite(path):
    held = Embeddings.load(path)
    held.vectors[3] = np.nan
    with path.open("wb") as file:
        np.savez(file, utterances=np.array(held.utterances), embeddings=held.vectors)


def of_another_width(path):
    held = Embeddings.load(path)
    Embeddings(held.utterances, held.vectors[:, :3]).save(path)


@pytest.mark.parametrize("damage", [cut_short, not_finite, of_another_width])
def test_a_damaged_file_is_made_again(model, manifest, embedded, tmp_path, damage):
    embed_once(model, manifest, tmp_path)
    [path] = tmp_path.rglob("*.npz")
    damage(path)
    found = embed_once(model, manifest, tmp_path).embeddings
    np.testing.assert_allclose(found.vectors, embed_manifest(model, manifest).vectors, atol=1e-4)
    assert embedded == [12, 12]


def test_damaged_digests_are_made_again(model, manifest, embedded, tmp_path):
    embed_once(model, manifest, tmp_path)
    [path] = tmp_path.rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-50])
    embed_once(model, manifest, tmp_path)
    assert embedded == [12]


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_cache_that_cannot_be_written_is_told_before_the_work(
    model, manifest, embedded, tmp_path, place
):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match=r"embeddings cannot be kept there .* or pass --no-cache"):
        embed_once(model, manifest, tmp_path / place)
    assert embedded == []


def test_a_disk_that_fills_up_names_the_cache_and_what_helps(
    model, manifest, tmp_path, monkeypatch
):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OutputError, match=r"cannot be kept there \(no space .*XDG_CACHE_HOME"):
        embed_once(model, manifest, tmp_path / "cache")

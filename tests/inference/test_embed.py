import copy

import numpy as np
import polars as pl
import pytest
import soundfile
import torch

from contravox.audio.speech_activity import only_speech
from contravox.audio.waveform import read_audio
from contravox.corpora.folder import folder_recordings
from contravox.corpora.scan import scan_recordings
from contravox.encoders.ecapa_tdnn import EcapaTdnnSettings
from contravox.encoders.encoder import EncoderOutput
from contravox.errors import AudioError
from contravox.features import FeatureSettings
from contravox.inference import embed
from contravox.inference.embed import Crops, _batches, embed_each, embed_manifest, embed_readable
from contravox.manifest import Manifest
from contravox.model import Model, ModelSettings
from tones import spoken


@pytest.fixture(scope="module")
def model():
    encoder = EcapaTdnnSettings(channels=16, aggregation=24, bottleneck=8, embedding_size=6)
    return Model(ModelSettings(features=FeatureSettings(bins=20), encoder=encoder)).eval()


def test_each_utterance_gets_the_embedding_of_its_own_audio(model, tone_corpus):
    manifest = scan_recordings(folder_recordings(tone_corpus)).manifest
    seen = []
    embeddings = embed_manifest(model, manifest, progress=lambda *done: seen.append(done))
    assert embeddings.utterances == manifest.table["utterance"].to_list()
    assert seen[-1] == (60, 60)
    for row in (0, 17, 59):
        alone = model.embed([read_audio(manifest.table["path"][row])])[0]
        np.testing.assert_allclose(embeddings.vectors[row], alone, atol=1e-4)


def test_batches_hold_so_many_seconds_with_their_padding():
    durations = sorted(np.random.default_rng(0).uniform(0.5, 60, 300).tolist(), reverse=True)
    rows = [(f"u{row}", "a.wav", 0.0, seconds) for row, seconds in enumerate(durations)]
    batches = list(_batches(rows, None))
    assert [row for batch in batches for row in batch] == rows
    for batch in batches:
        assert len(batch) == 1 or len(batch) * batch[0][3] <= 40.0


def test_a_silent_utterance_has_no_embedding(model, tmp_path):
    (tmp_path / "a").mkdir()
    soundfile.write(tmp_path / "a" / "quiet.wav", np.zeros(16_000), 16_000)
    manifest = scan_recordings(folder_recordings(tmp_path)).manifest
    with pytest.raises(AudioError, match=r"quiet\.wav: silent"):
        embed_manifest(model, manifest)


def test_a_model_of_speech_alone_embeds_nothing_else(model, tmp_path):
    spoken_twice = np.concatenate([spoken(1.0, 120), np.zeros(32_000, "f4"), spoken(1.0, 90)])
    noise = 0.01 * np.random.default_rng(0).standard_normal(16_000)
    (tmp_path / "a").mkdir()
    for name, waveform in (("noise", noise), ("speech", spoken_twice)):
        soundfile.write(tmp_path / "a" / f"{name}.wav", waveform, 16_000, subtype="FLOAT")
    manifest = scan_recordings(folder_recordings(tmp_path)).manifest
    of_speech = copy.deepcopy(model)
    of_speech.annotate(speech_only=True)
    embedded = embed_readable(of_speech, manifest)
    expected = model.embed([only_speech(spoken_twice)])
    np.testing.assert_allclose(embedded.embeddings.vectors, expected, atol=1e-5)
    [reason] = embedded.unreadable.values()
    assert reason.endswith("noise.wav: no speech found in it, and the model embeds nothing else")
    assert embed_readable(model, manifest).unreadable == {}


def test_what_cannot_be_read_is_left_out_with_its_reason(model, tone_corpus, tmp_path):
    manifest = scan_recordings(folder_recordings(tone_corpus)).manifest
    table = manifest.table.with_columns(
        path=pl.when(pl.col("utterance") == manifest.table["utterance"][7])
        .then(pl.lit(str(tmp_path / "gone.wav")))
        .otherwise("path")
    )
    whole = embed_manifest(model, manifest)
    embedded = embed_readable(model, Manifest(table))
    assert embedded.unreadable == {whole.utterances[7]: f"{tmp_path}/gone.wav: no such file"}
    kept = [row for row in range(60) if row != 7]
    assert embedded.embeddings.utterances == [whole.utterances[row] for row in kept]
    np.testing.assert_allclose(embedded.embeddings.vectors, whole.vectors[kept], atol=1e-4)


def test_crops_are_spread_from_start_to_end():
    waveform = np.arange(16_000, dtype=np.float32)
    crops = Crops(3, 0.5).cut(waveform)
    assert [crop[0] for crop in crops] == [0, 4000, 8000]
    assert all(len(crop) == 8000 for crop in crops)
    [short] = Crops(1, 1.5).cut(waveform)
    np.testing.assert_array_equal(short, np.concatenate([waveform, waveform[:8000]]))


def test_products_of_cropped_embeddings_are_the_mean_over_pairs_of_crops(model, tone_corpus):
    manifest = scan_recordings(folder_recordings(tone_corpus)).manifest
    crops = Crops(3, 0.3)
    cropped = embed_manifest(model, manifest, crops=crops)
    pieces = []
    for row in (4, 30):
        vectors = model.embed(crops.cut(read_audio(manifest.table["path"][row])))
        pieces.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    expected = np.mean([one @ other for one in pieces[0] for other in pieces[1]])
    assert cropped.vectors[4] @ cropped.vectors[30] == pytest.approx(expected, abs=1e-4)
    both = embed_manifest(model, manifest, crops=Crops(3, 0.3, whole=True)).vectors
    one, other = (embed_manifest(model, manifest).vectors[row] for row in (4, 30))
    whole = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert both[4] @ both[30] == pytest.approx((expected + whole) / 2, abs=1e-4)


class Broken(torch.nn.Module):
    """An encoder without finite embeddings of what is louder than a limit."""

    embedding_size = 6

    def __init__(self, encoder, value, limit):
        super().__init__()
        self.encoder, self.value, self.limit = encoder, value, limit

    def forward(self, features, lengths):
        output = self.encoder(features, lengths)
        loud = features.amax(dim=(1, 2)) > self.limit
        embedding = torch.where(loud[:, None], self.value, output.embedding)
        return EncoderOutput(embedding, output.maps, output.stem)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, 1e30])
def test_the_recording_without_a_finite_embedding_is_named(model, tone_corpus, monkeypatch, value):
    manifest = scan_recordings(folder_recordings(tone_corpus)).manifest
    manifest = Manifest(manifest.table.head(8))
    waveforms = [read_audio(path) for path in manifest.table["path"]]
    lengths = torch.tensor([len(waveform) for waveform in waveforms])
    padded = torch.zeros(8, int(lengths.max()))
    for row, waveform in zip(padded, waveforms, strict=True):
        row[: len(waveform)] = torch.from_numpy(waveform)
    loudest = model.features(padded, lengths)[0].amax(dim=(1, 2))
    limit = float(loudest.sort().values[-3:-1].mean())
    whole = embed_readable(model, manifest).embeddings
    model = copy.deepcopy(model)
    model.encoder = Broken(model.encoder, value, limit)
    found = embed_readable(model, manifest)
    bad = [manifest.table["utterance"][int(row)] for row in (loudest > limit).nonzero()]
    assert sorted(found.unreadable) == sorted(bad)
    assert len(bad) == 2
    for name, reason in found.unreadable.items():
        assert reason.startswith(str(tone_corpus / name))
        assert "the model's embedding is zero or not finite" in reason
    kept = [row for row, name in enumerate(whole.utterances) if name not in bad]
    assert found.embeddings.utterances == [whole.utterances[row] for row in kept]
    np.testing.assert_allclose(found.embeddings.vectors, whole.vectors[kept], atol=1e-4)
    with pytest.raises(AudioError, match="the model's embedding is zero or not finite"):
        embed_manifest(model, manifest)
    model.encoder.limit = -np.inf
    with pytest.raises(AudioError, match="zero or not finite"):
        embed_manifest(model, manifest, crops=Crops(2, 0.3))


def test_few_recordings_are_read_ahead(model, tone_corpus, monkeypatch):
    """Of hours, a few fill the memory."""
    manifest = scan_recordings(folder_recordings(tone_corpus)).manifest
    monkeypatch.setattr(embed, "BATCH_SECONDS", 0.1)
    read, embedded, ahead = [], [], []

    def reading(path, **part):
        read.append(path)
        return read_audio(path, **part)

    def embedding_each(*arguments):
        ahead.append(len(read) - len(embedded))
        embedded.append(1)
        return embed_each(*arguments)

    monkeypatch.setattr(embed, "read_audio", reading)
    monkeypatch.setattr(embed, "embed_each", embedding_each)
    embed_manifest(model, manifest)
    assert len(embedded) == len(manifest)
    assert max(ahead) <= 4

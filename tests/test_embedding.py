import numpy as np
import pytest
import soundfile

from contravox.audio import read_audio
from contravox.corpora.folder import folder_recordings
from contravox.corpora.scan import scan_recordings
from contravox.embedding import _batch_sizes, embed_manifest
from contravox.encoders.ecapa_tdnn import EcapaTdnnSettings
from contravox.errors import AudioError
from contravox.features import FeatureSettings
from contravox.model import Model, ModelSettings


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
    sizes = list(_batch_sizes(durations))
    assert sum(sizes) == 300
    low = 0
    for size in sizes:
        assert size == 1 or size * durations[low] <= 40.0
        low += size


def test_a_silent_utterance_has_no_embedding(model, tmp_path):
    (tmp_path / "a").mkdir()
    soundfile.write(tmp_path / "a" / "quiet.wav", np.zeros(16_000), 16_000)
    manifest = scan_recordings(folder_recordings(tmp_path)).manifest
    with pytest.raises(AudioError, match=r"quiet\.wav: silent"):
        embed_manifest(model, manifest)

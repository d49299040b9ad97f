"""What only real speech can show: that people never heard before are told apart."""

import numpy as np
import pytest

from contravox.audio import check_speech, read_audio
from contravox.corpora.folder import folder_recordings
from contravox.corpora.scan import scan_recordings
from contravox.demo import run_demo
from contravox.preparation import prepare_corpus

pytestmark = pytest.mark.speech


@pytest.mark.parametrize("corpus", ["an4", "librispeech", "speech_commands", "arabic_commands"])
def test_every_recording_is_found_and_its_samples_can_be_trusted(speech, corpus):
    prepared = scan_recordings(folder_recordings(speech / corpus))
    assert not prepared.skipped
    rows = prepared.manifest.table.sample(20, seed=0)
    for path, seconds in rows.select("path", "duration").rows():
        waveform = read_audio(path)
        assert len(waveform) / 16_000 == pytest.approx(seconds, abs=1e-3)
        check_speech(waveform, path)


def test_an4_holds_what_its_release_says(speech, tmp_path):
    counts = prepare_corpus("folder", speech / "an4", tmp_path, split=True)
    assert counts["corpus"]["speakers"] == 84
    assert counts["corpus"]["utterances"] == 1078
    parts = [counts[part]["speakers"] for part in ("train", "validation", "test")]
    assert sum(parts) == 84


def test_the_systems_of_the_demo_beat_untrained_features(speech, tmp_path):
    """A third of the demo's training is enough for the supervised ones."""
    untrained, *systems = run_demo(speech / "an4", tmp_path, epochs=6)
    assert 0.2 < untrained["equal_error_rate"] < 0.4
    rates = [each["equal_error_rate"] for each in systems if each["labels_used"]]
    assert len(rates) == 4
    assert max(rates) < untrained["equal_error_rate"] - 0.05
    assert np.mean(rates) < 0.2

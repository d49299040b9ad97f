import numpy as np
import polars as pl
import pytest
import soundfile

from contravox.audio.quality import quality_of
from contravox.audio.speech_activity import speech_frames
from contravox.audio.waveform import read_audio
from contravox.augmentation.codecs import through_codec
from contravox.errors import AudioError
from contravox.evaluation.bandwidths import measure_bandwidths
from contravox.manifest import Manifest
from tones import spoken


@pytest.fixture
def manifest(tmp_path):
    """A voice as it was recorded, and over the telephone, in the second half of a file."""
    plain = spoken(2, 120)
    telephone = np.concatenate([plain, through_codec(plain, "mu_law")])
    for name, waveform in {"plain": plain, "telephone": telephone}.items():
        soundfile.write(tmp_path / f"{name}.wav", waveform, 16_000)
    columns = {
        "utterance": ["a", "b"],
        "speaker": ["s", "s"],
        "path": [str(tmp_path / "plain.wav"), str(tmp_path / "telephone.wav")],
        "start": [0.0, 2.0],
        "duration": [2.0, 2.0],
    }
    return Manifest(pl.DataFrame(columns))


def test_it_is_what_verify_is_told_of_each_recording(manifest):
    calls = []
    found = measure_bandwidths(manifest, lambda *call: calls.append(call))
    assert found.utterances == ["a", "b"]
    rows = manifest.table.select("path", "start", "duration").rows()
    for (path, start, duration), [bandwidth] in zip(rows, found.vectors, strict=True):
        waveform = read_audio(path, start=start, duration=duration)
        assert bandwidth == quality_of(waveform, speech_frames(waveform)).bandwidth
    [[plain], [telephone]] = found.vectors
    assert telephone < 4000 < 5000 < plain
    assert calls == [(1, 2), (2, 2)]


def test_a_recording_that_is_gone_is_named(manifest, tmp_path):
    (tmp_path / "plain.wav").unlink()
    with pytest.raises(AudioError, match=r"plain\.wav"):
        measure_bandwidths(manifest)

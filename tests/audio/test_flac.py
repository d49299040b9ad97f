"""What is written at 16 bits is what is read."""

import numpy as np
import pytest
import soundfile

from contravox.audio.flac import flac_bytes, sixteen_bits
from contravox.audio.waveform import read_audio
from contravox.errors import AudioError

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)


def test_every_sample_comes_back_bit_for_bit(tmp_path):
    path = tmp_path / "all.flac"
    path.write_bytes(flac_bytes(EVERY_SAMPLE, "made of this and that"))
    waveform = read_audio(path)
    np.testing.assert_array_equal(waveform, EVERY_SAMPLE / np.float32(32768))
    np.testing.assert_array_equal(sixteen_bits(waveform, path), EVERY_SAMPLE)
    with soundfile.SoundFile(path) as file:
        assert (file.samplerate, file.channels, file.subtype) == (16_000, 1, "PCM_16")
        assert file.comment == "made of this and that"


def test_samples_are_rounded_to_the_nearest_and_overshoot_is_clipped():
    waveform = np.float32([0.49, 0.51, -0.49, -0.51]) / 32768
    assert sixteen_bits(waveform, "a").tolist() == [0, 1, 0, -1]
    assert sixteen_bits(np.float32([1.0, -1.0, 1.9, -1.9]), "a").tolist() == [
        *(32767, -32768),
        *(32767, -32768),
    ]


def test_another_scale_is_refused():
    with pytest.raises(AudioError, match=r"^a\.wav: reaches 3e\+03 where full scale is 1"):
        sixteen_bits(np.float32([3000.0, 1.0]), "a.wav")

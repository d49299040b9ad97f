import numpy as np
import pytest
import soundfile

from contravox.audio import audio_file
from contravox.audio.channels import compare_channels
from tones import tone

ONE, OTHER = tone(0.5, 200), tone(0.5, 310, seed=1)


@pytest.mark.parametrize(
    ("right", "correlation", "kept"),
    [
        (ONE, 1, 1),
        (-ONE, -1, 0),
        (0 * ONE, 1, 0.5),
        # Twice as loud: the power of the mean is 2.25, the mean of the powers 2.5.
        (2 * ONE, 1, 0.9),
        (ONE + 0.2, 1, 1),
    ],
    ids=["same", "opposite", "one silent", "louder", "shifted"],
)
def test_by_hand(tmp_path, right, correlation, kept):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([ONE, right], axis=1), 16_000, subtype="FLOAT")
    found = compare_channels(path)
    assert found.correlation == pytest.approx(correlation, abs=1e-5)
    assert found.kept == pytest.approx(kept, abs=1e-5)


def test_in_blocks_as_at_once(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    right = 0.5 * ONE + OTHER
    soundfile.write(path, np.stack([ONE, right], axis=1), 16_000, subtype="DOUBLE")
    expected = np.corrcoef(ONE, right)[0, 1]
    assert compare_channels(path).correlation == pytest.approx(expected, abs=1e-5)
    monkeypatch.setattr(audio_file, "BLOCK", 1000)
    assert compare_channels(path).correlation == pytest.approx(expected, abs=1e-5)


def test_a_single_channel_is_compared_with_none_and_silence_with_itself(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, ONE, 16_000)
    assert compare_channels(path) is None
    soundfile.write(path, np.zeros((100, 2)), 16_000)
    assert (compare_channels(path).correlation, compare_channels(path).kept) == (1, 1)

import numpy as np
import pytest

from contravox.audio.speech_activity import FRAME, MARGIN, only_speech, speech_frames
from tones import spoken

RATE = 16_000
NOISE = 0.01 * np.random.default_rng(0).standard_normal(3 * RATE).astype(np.float32)
TIME = np.arange(3 * RATE) / RATE


def quiet(seconds):
    return 1e-4 * np.random.default_rng(1).standard_normal(round(seconds * RATE)).astype("f4")


def test_speech_is_found_where_it_is():
    waveform = np.concatenate([quiet(2), spoken(1.5, 120), quiet(1), spoken(1, 100), quiet(2)])
    found = speech_frames(waveform)
    assert found.shape == (-(-len(waveform) // FRAME),)
    true = np.zeros(len(waveform), bool)
    for start, end in ((2, 3.5), (4.5, 5.5)):
        true[round(start * RATE) : round(end * RATE)] = True
    share = np.pad(true, (0, -len(true) % FRAME)).reshape(-1, FRAME).mean(axis=1)
    # The detector may be late or linger for a few frames at each of the four ends.
    assert (found != (share > 0.5)).sum() <= 4 * 4


@pytest.mark.parametrize("level", [1.0, 0.3, 0.1])
def test_the_level_hardly_matters(level):
    waveform = np.concatenate([quiet(1), spoken(2, 120), quiet(1)])
    found = speech_frames(np.float32(level) * waveform)
    assert found.sum() * FRAME / RATE == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(
    "waveform",
    [
        NOISE,
        (0.3 * np.sin(2 * np.pi * 1000 * TIME)).astype("f4"),
        (0.01 * np.sin(2 * np.pi * 50 * TIME)).astype("f4"),
        np.where(np.arange(3 * RATE) % 8000 == 0, 0.9, 0.0).astype("f4"),
        np.zeros(RATE, np.float32),
        np.zeros(1, np.float32),
    ],
    ids=["noise", "beep", "hum", "clicks", "silence", "a sample"],
)
def test_no_speech_is_found_in_what_is_none(waveform):
    assert not speech_frames(waveform).any()
    assert only_speech(waveform).shape == (0,)


def test_what_was_heard_before_does_not_matter():
    waveform = np.concatenate([spoken(0.7, 140), quiet(0.5)])
    alone = speech_frames(waveform)
    speech_frames(spoken(1.0, 90))
    np.testing.assert_array_equal(speech_frames(waveform), alone)


def test_silence_around_speech_is_left_out_and_short_pauses_are_kept():
    frames = np.zeros(100, bool)
    frames[20:30] = frames[36:40] = True  # Six frames between: the margins fill them.
    frames[60:70] = True
    waveform = np.arange(100 * FRAME, dtype=np.float32)
    rows = only_speech(waveform, frames).reshape(-1, FRAME)[:, 0] / FRAME
    expected = [*range(20 - MARGIN, 40 + MARGIN), *range(60 - MARGIN, 70 + MARGIN)]
    np.testing.assert_array_equal(rows, expected)


def test_margins_neither_overlap_nor_reach_beyond_the_ends():
    frames = np.zeros(20, bool)
    frames[1:4] = frames[11:19] = True
    waveform = np.arange(20 * FRAME - 7, dtype=np.float32)
    kept = only_speech(waveform, frames)
    assert (np.diff(kept) > 0).all()
    assert (kept[0], kept[-1]) == (0, len(waveform) - 1)
    assert len(kept) == len(waveform) - FRAME

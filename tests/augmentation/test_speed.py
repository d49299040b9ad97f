import numpy as np
import pytest

from contravox.augmentation.speed import change_speed, check_speeds
from contravox.errors import RecipeError


@pytest.mark.parametrize("speed", [0.9, 1.1, 1.25])
def test_speed_changes_length_and_pitch(speed):
    time = np.arange(20_000) / 16_000
    sine = np.sin(2 * np.pi * 500 * time[:16_000]).astype(np.float32)
    changed = change_speed(sine, speed)
    assert len(changed) == pytest.approx(16_000 / speed, abs=1)
    assert changed.dtype == np.float32
    expected = np.sin(2 * np.pi * 500 * speed * time[: len(changed)])
    np.testing.assert_allclose(changed[500:-500], expected[500:-500], atol=0.01)


@pytest.mark.parametrize(
    ("speeds", "message"),
    [
        ([0.9, 0.0], "0 is no speed"),
        ([-1.1], "-1.1 is no speed"),
        ([float("nan")], "nan is no speed"),
        ([0.9, 1.0], "1 changes nothing"),
        ([0.9, 1.1, 0.9], "0.9 is there twice"),
    ],
)
def test_speeds_that_make_no_other_speaker_are_refused(speeds, message):
    check_speeds([])
    check_speeds([0.9, 1.1])
    with pytest.raises(RecipeError, match=rf"^data.speeds: {message}"):
        check_speeds(speeds)

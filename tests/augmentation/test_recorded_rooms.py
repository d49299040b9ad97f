import numpy as np
import polars as pl
import pytest
import soundfile

from contravox.augmentation.recorded_rooms import RecordedRooms
from contravox.errors import AudioError, RecipeError


@pytest.fixture
def write_rooms(tmp_path):
    """responses, kind=None -> the manifest of rooms, one file of (samples, channels) for each."""

    def write(*responses, kind="smallroom"):
        rows = []
        for index, response in enumerate(responses):
            path = tmp_path / f"room{index}.wav"
            soundfile.write(path, np.asarray(response, np.float32), 16_000, subtype="FLOAT")
            duration = len(response) / 16_000
            rows.append({"utterance": f"room{index}", "path": path.name, "duration": duration})
        table = pl.DataFrame(rows)
        if kind is not None:
            table = table.with_columns(kind=pl.lit(kind))
        table.write_csv(tmp_path / "rooms.tsv", separator="\t")
        return tmp_path / "rooms.tsv"

    return write


def test_a_response_starts_with_its_direct_sound_and_has_unit_energy(write_rooms):
    """0, 0.1, −0.4, 0.3 by hand: −0.8, 0.6. The second channel is another microphone's."""
    response = np.stack([[0, 0.1, -0.4, 0.3], [0.9, 0.9, 0.9, 0.9]], axis=1)
    rooms = RecordedRooms(write_rooms(response))
    drawn = rooms.draw(np.random.default_rng(0), 100)
    np.testing.assert_allclose(drawn, [-0.8, 0.6], rtol=1e-6)
    assert drawn.dtype == np.float32
    # A segment of one sample hears the direct sound alone, which then has all the energy.
    np.testing.assert_allclose(rooms.draw(np.random.default_rng(0), 1), [-1.0], rtol=1e-6)


def test_the_end_that_nobody_hears_is_cut_off(write_rooms):
    decay = 10 ** (-3 * np.arange(8000) / 1600)  # 60 dB in 1600 samples
    drawn = RecordedRooms(write_rooms(decay)).draw(np.random.default_rng(0), 8000)
    assert len(drawn) == pytest.approx(1600, abs=5)
    assert np.sum(drawn.astype(np.float64) ** 2) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("kind", ["real", None])
def test_each_room_is_drawn(write_rooms, kind):
    rooms = RecordedRooms(write_rooms([1.0], [1.0, 0.5], [1.0, 0.5, 0.2], kind=kind))
    generator = np.random.default_rng(0)
    assert {len(rooms.draw(generator, 100)) for _ in range(30)} == {1, 2, 3}


def test_noises_are_no_rooms(write_rooms):
    with pytest.raises(RecipeError, match=r"rooms.tsv holds 'room0' of kind music, no room"):
        RecordedRooms(write_rooms([1.0], kind="music"))


def test_a_silent_response_is_named(write_rooms):
    rooms = RecordedRooms(write_rooms([0.0, 0.0]))
    with pytest.raises(AudioError, match=r"room0.wav: silent, no impulse response"):
        rooms.draw(np.random.default_rng(0), 100)


def test_another_is_drawn_in_place_of_a_silent_one(write_rooms):
    rooms = RecordedRooms(write_rooms([0.0, 0.0], [1.0]))
    generator = np.random.default_rng(0)
    assert [rooms.draw(generator, 100).tolist() for _ in range(10)] == [[1.0]] * 10
    [reason] = rooms.unreadable.values()
    assert "silent" in reason

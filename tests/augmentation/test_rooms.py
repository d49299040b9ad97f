import numpy as np
import pytest

from contravox.augmentation.rooms import (
    EARLY_SECONDS,
    SPEED_OF_SOUND,
    Room,
    draw_room,
    impulse_response,
    reverberate,
)


def room_of(decay_time, size=(7.0, 5.0, 3.0), source=(2.0, 1.5, 1.4), microphone=(5.0, 3.5, 1.2)):
    return Room(np.array(size), np.array(source), np.array(microphone), decay_time)


def schroeder_decay_time(response):
    """RT60 from the slope of the backward-integrated energy between −10 and −30 dB."""
    energy = np.cumsum(response[::-1].astype(np.float64) ** 2)[::-1]
    decibels = 10 * np.log10(energy / energy[0])
    fitted = np.flatnonzero((decibels <= -10) & (decibels >= -30))
    return -60 / np.polyfit(fitted / 16000, decibels[fitted], 1)[0]


@pytest.mark.parametrize(
    ("decay_time", "size"),
    [(0.15, (4, 3, 2.5)), (0.3, (7, 5, 3)), (0.5, (7, 5, 3)), (0.7, (9, 8, 4))],
)
def test_reverberation_falls_by_60_db_in_the_decay_time(decay_time, size):
    room = room_of(decay_time, size, source=(1.0, 1.2, 1.4), microphone=(3.0, 2.5, 1.2))
    for seed in range(5):
        response = impulse_response(room, np.random.default_rng(seed))
        assert schroeder_decay_time(response) == pytest.approx(decay_time, rel=0.2)


def test_response_has_unit_energy_and_starts_with_the_direct_sound():
    generator = np.random.default_rng(0)
    for _ in range(20):
        response = impulse_response(draw_room(generator, (0.1, 0.7)), generator)
        assert np.sum(response.astype(np.float64) ** 2) == pytest.approx(1, rel=1e-5)
        assert response[0] > 0
        assert response.dtype == np.float32


def test_early_reflections_are_the_mirror_images_of_the_source():
    """Against sources mirrored in one wall after another, as one would on paper."""
    room = room_of(0.4)
    volume, surface = 7 * 5 * 3, 2 * (7 * 5 + 5 * 3 + 7 * 3)
    absorption = 1 - np.exp(-24 * np.log(10) * volume / (SPEED_OF_SOUND * surface * 0.4))
    orders = {tuple(room.source): 0}
    latest = [tuple(room.source)]
    for order in range(1, 9):
        mirrored = []
        for image in latest:
            for axis in range(3):
                for wall in (0.0, room.size[axis]):
                    new = list(image)
                    new[axis] = 2 * wall - image[axis]
                    key = tuple(np.round(new, 9))
                    if key not in orders:
                        orders[key] = order
                        mirrored.append(key)
        latest = mirrored
    direct = np.linalg.norm(room.source - room.microphone)
    samples = 400  # 25 ms: no sound mirrored more than eight times arrives so early
    expected = np.zeros(samples)
    for image, order in orders.items():
        distance = np.linalg.norm(np.array(image) - room.microphone)
        delay = round((distance - direct) / SPEED_OF_SOUND * 16000)
        if delay < samples:
            expected[delay] += (-np.sqrt(1 - absorption)) ** order / distance
    response = impulse_response(room, np.random.default_rng(0))[:samples]
    np.testing.assert_allclose(response / response[0], expected / expected[0], atol=1e-5)
    assert np.count_nonzero(expected) > 20


def test_late_reverberation_continues_the_level_of_the_images():
    """Over many rooms, 10 ms before and after the seam carry the energy of one steady decay."""
    generator = np.random.default_rng(0)
    seam = round(EARLY_SECONDS * 16000)
    before = after = 0.0
    for _ in range(200):
        room = draw_room(generator, (0.3, 0.7))
        response = impulse_response(room, generator).astype(np.float64)
        decay = 10 ** (6 * np.arange(len(response)) / (room.decay_time * 16000))
        level = response**2 * decay
        scale = level[seam - 160 : seam + 160].sum()
        before += level[seam - 160 : seam].sum() / scale
        after += level[seam : seam + 160].sum() / scale
    assert abs(10 * np.log10(after / before)) < 0.7


def test_drawn_rooms_keep_to_the_decay_times_and_their_walls():
    generator = np.random.default_rng(1)
    rooms = [draw_room(generator, (0.2, 0.3)) for _ in range(50)]
    assert all(0.2 <= room.decay_time <= 0.3 for room in rooms)
    for room in rooms:
        for place in (room.source, room.microphone):
            assert (place >= 0.1 * room.size).all()
            assert (place <= 0.9 * room.size).all()
    assert len({room.decay_time for room in rooms}) == 50


@pytest.mark.parametrize(("samples", "taps"), [(1, 1), (5, 40), (1000, 333), (32000, 4801)])
def test_reverberate_is_convolution_cut_to_the_speech(samples, taps):
    generator = np.random.default_rng(samples)
    speech = generator.standard_normal(samples).astype(np.float32)
    response = generator.standard_normal(taps).astype(np.float32)
    out = reverberate(speech, response)
    assert out.shape == (samples,)
    assert out.dtype == np.float32
    expected = np.convolve(speech.astype(np.float64), response.astype(np.float64))[:samples]
    np.testing.assert_allclose(out, expected, atol=2e-5 * np.abs(expected).max())

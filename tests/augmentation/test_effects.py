import numpy as np
import pytest

from contravox.augmentation.codecs import through_codec
from contravox.augmentation.effects import Effects, clip


def sound(samples=4000, seed=0, level=0.05):
    return level * np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def test_nothing_drawn_changes_nothing():
    np.testing.assert_array_equal(Effects().apply(sound()), sound())


def test_all_steps_in_the_order_that_sound_takes_them():
    """Against each step written out: noise is not reverberated, and clipped with the rest."""
    speech, noise, response = sound(), sound(seed=1, level=3), sound(300, seed=2)
    effects = Effects(response, noise, snr=7.0, drive=9.0, codec="mu_law", gain=-4.0)
    reverberant = np.convolve(speech.astype(np.float64), response.astype(np.float64))[:4000]
    scale = np.linalg.norm(reverberant) / np.linalg.norm(noise) * 10 ** (-7 / 20)
    noisy = reverberant + scale * noise
    limit = np.abs(noisy).max() * 10 ** (-9 / 20)
    clipped = np.clip(noisy, -limit, limit).astype(np.float32)
    expected = through_codec(clipped, "mu_law") * 10 ** (-4 / 20)
    # One step of µ-law at most, where rounding falls to the other side.
    out = effects.apply(speech)
    np.testing.assert_allclose(out, expected, atol=0.03 * np.abs(expected).max())
    assert np.mean(np.abs(out - expected) > 1e-6) < 0.02


@pytest.mark.parametrize("sign", [1, -1])
def test_too_loud_is_scaled_down_to_full_scale(sign):
    ramp = sign * np.linspace(-0.25, 0.5, 100, dtype=np.float32)
    np.testing.assert_allclose(Effects(gain=20.0).apply(ramp), 2 * ramp, rtol=1e-6)
    np.testing.assert_allclose(Effects(gain=-20.0).apply(ramp), 0.1 * ramp, rtol=1e-6)


@pytest.mark.parametrize(
    ("effects", "distorts"),
    [
        (Effects(np.ones(1, np.float32), np.ones(4000, np.float32), gain=3.0), False),
        (Effects(drive=0.5), True),
        (Effects(codec="opus"), True),
    ],
)
def test_only_clipping_and_codecs_distort(effects, distorts):
    """What does not distort is linear in speech and noise together."""
    assert effects.distorts == distorts
    if not distorts:
        half = effects.apply(0.5 * sound())
        np.testing.assert_allclose(2 * half, effects.apply(sound()), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("drive", "limit"), [(20.0, 0.05), (6.0206, 0.25), (0.0, 0.5)])
def test_clipping_cuts_off_so_many_db_under_the_peak(drive, limit):
    ramp = np.linspace(-0.5, 0.25, 1001, dtype=np.float32)
    clipped = clip(ramp, drive)
    np.testing.assert_allclose(clipped, np.clip(ramp, -limit, limit), atol=1e-6)
    assert clipped.dtype == np.float32


def test_clipping_does_not_depend_on_the_level_and_leaves_silence():
    sound = np.random.default_rng(0).standard_normal(500).astype(np.float32)
    np.testing.assert_allclose(clip(100 * sound, 5.0), 100 * clip(sound, 5.0), rtol=1e-5)
    np.testing.assert_array_equal(clip(np.zeros(5, np.float32), 5.0), np.zeros(5))

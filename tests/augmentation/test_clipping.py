import numpy as np
import pytest

from contravox.augmentation.clipping import clip


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

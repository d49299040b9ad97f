import numpy as np
import pytest

SINE = np.sin(2 * np.pi * np.arange(480) / 48)


@pytest.mark.parametrize(
    ("samples", "decibels", "clipped"),
    [
        (SINE, -3.01, True),
        (0.1 * SINE, -23.01, False),
        (1e-5 * SINE, -60, False),
        (0 * SINE, -60, False),
        (np.ones(8), 0, True),
    ],
)
def test_the_level_is_the_root_mean_square(modules, samples, decibels, clipped):
    found = modules.script(
        """const { levelOf } = await import("/page/level.js");
        return levelOf(Float32Array.from(given[0]));""",
        samples.tolist(),
    )
    assert found["decibels"] == pytest.approx(decibels, abs=0.01)
    assert found["clipped"] is clipped

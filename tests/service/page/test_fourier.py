import numpy as np
import pytest


@pytest.mark.parametrize("size", [1, 2, 8, 256])
def test_it_is_numpys(modules, size):
    given = np.random.default_rng(size).standard_normal((2, size))
    real, imaginary = modules.script(
        """const { transform } = await import("/page/fourier.js");
        const [real, imaginary] = given.map((each) => Float64Array.from(each));
        transform(real, imaginary);
        return [[...real], [...imaginary]];""",
        *given.tolist(),
    )
    expected = np.fft.fft(given[0] + 1j * given[1])
    np.testing.assert_allclose(
        np.array(real) + 1j * np.array(imaginary), expected, atol=1e-12 * size
    )

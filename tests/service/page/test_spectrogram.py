import numpy as np
import pytest

OF = """const { spectrogramOf } = await import("/page/spectrogram.js");
const { columns, highest } = spectrogramOf(Float32Array.from(given[0]), given[1], given[2]);
return { columns: columns.map((each) => [...each]), highest };"""


def test_a_column_is_the_spectrum_of_the_25_ms_around_its_moment(modules):
    rate, columns = 16_000, 5
    samples = np.random.default_rng(0).standard_normal(4000)
    found = modules.script(OF, samples.tolist(), rate, columns)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    padded = np.pad(samples, 400)
    powers = []
    for column in range(columns):
        start = 400 + round((column + 0.5) / columns * 4000 - 200)
        powers.append(np.abs(np.fft.rfft(padded[start : start + 400] * window, 512)) ** 2)
    expected = 10 * np.log10(np.array(powers) / np.max(powers))
    assert found["highest"] == 8000
    np.testing.assert_allclose(found["columns"], expected, atol=1e-3)


@pytest.mark.parametrize(("rate", "highest"), [(48_000, 8000), (16_000, 8000), (8_000, 4000)])
def test_a_tone_stands_at_its_frequency_and_nothing_above_8_khz_is_shown(modules, rate, highest):
    tone = np.sin(2 * np.pi * 1500 * np.arange(rate // 4) / rate)
    found = modules.script(OF, tone.tolist(), rate, 3)
    spectrum = np.array(found["columns"][1])
    frequencies = np.linspace(0, found["highest"], len(spectrum))
    assert found["highest"] == pytest.approx(highest, abs=25)
    assert frequencies[spectrum.argmax()] == pytest.approx(1500, abs=25)
    assert spectrum.max() == pytest.approx(0, abs=0.1)


def test_loud_is_drawn_in_another_colour_than_quiet(modules):
    tone = np.sin(2 * np.pi * 2000 * np.arange(4000) / 16_000)
    rows = modules.script(
        """const { drawSpectrogram } = await import("/page/spectrogram.js");
        const canvas = document.createElement("canvas");
        document.body.append(canvas);
        drawSpectrogram(canvas, Float32Array.from(given[0]), 16000);
        const { width, height } = canvas;
        const { data } = canvas.getContext("2d").getImageData(width >> 1, 0, 1, height);
        return Array.from({ length: height }, (_, y) => [...data.slice(4 * y, 4 * y + 3)]);""",
        tone.tolist(),
    )
    darkness = 765 - np.array(rows).sum(axis=1)
    # 2 kHz of 8: a quarter from below.
    assert darkness.argmax() == pytest.approx(0.75 * (len(rows) - 1), abs=2)
    assert darkness.max() > 500
    assert np.median(darkness) < 60

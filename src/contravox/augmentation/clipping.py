"""Recordings made too loud."""

import numpy as np
from numpy.typing import NDArray

DRIVE = (1.0, 15.0)
"""dB by which a clipped recording was too loud: from barely heard to heavily distorted."""


def clip(waveform: NDArray[np.float32], drive: float) -> NDArray[np.float32]:
    """Cut (samples,) off at ``drive`` dB under its peak; what stays below that is unchanged."""
    limit = np.float32(10 ** (-drive / 20) * np.abs(waveform).max())
    return waveform.clip(-limit, limit)

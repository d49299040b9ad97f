"""Generated audio that stands for speech."""

import numpy as np


def tone(seconds: float, frequency: float, *, rate: int = 16_000, seed: int = 0) -> np.ndarray:
    """A voice-like sound: harmonics of ``frequency`` and a little noise, (samples,) float32."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * k * frequency * time) / k for k in range(1, 9))
    noise = generator.standard_normal(len(time))
    return (0.1 * voice + 0.01 * noise).astype(np.float32)

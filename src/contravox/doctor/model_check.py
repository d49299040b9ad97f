"""Whether a model does its work here: it is read, and embeds a sound."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from contravox.errors import ContravoxError, brief

SECONDS = 3.0


@dataclass(frozen=True)
class ModelCheck:
    """size: d of its embeddings. speed: seconds of sound embedded in one, once it is warm.

    problem: why it does not work, or None; then the two are None.
    """

    path: str
    size: int | None = None
    speed: float | None = None
    problem: str | None = None


def check_model(path: str | Path) -> ModelCheck:
    """Embed the same ``SECONDS`` of noise twice, and hold the two embeddings to each other."""
    from contravox.audio.waveform import SAMPLE_RATE
    from contravox.inference.loading import load_model

    noise = np.random.default_rng(0).standard_normal(int(SECONDS * SAMPLE_RATE))
    sound = (0.1 * noise).astype(np.float32)
    try:
        model = load_model(path)
        first = model.embed([sound])
        begun = perf_counter()
        again = model.embed([sound])
        seconds = perf_counter() - begun
    except ContravoxError as error:
        return ModelCheck(str(path), problem=str(error))
    # Whatever a broken library raises is what is looked for.
    except Exception as error:
        return ModelCheck(str(path), problem=brief(f"{type(error).__name__}: {error}", 200))
    if not np.allclose(first, again, rtol=1e-3, atol=1e-3 * float(np.abs(first).max())):
        problem = "two embeddings of one sound differ: install its libraries again"
        return ModelCheck(str(path), problem=problem)
    return ModelCheck(str(path), int(first.shape[1]), SECONDS / seconds)

"""What the tests of objectives share."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from contravox.objectives import Segments


@pytest.fixture
def vectors() -> Callable[..., Tensor]:
    """Random float64 vectors of a given shape, the same for the same shape and seed."""

    def make(*shape: int, seed: int = 0) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return make


@pytest.fixture
def cosine() -> Callable[[Tensor, Tensor], float]:
    """The cosine of two vectors, in plain Python."""

    def compute(a: Tensor, b: Tensor) -> float:
        x, y = a.tolist(), b.tolist()
        product = sum(p * q for p, q in zip(x, y, strict=True))
        return product / math.sqrt(sum(p * p for p in x) * sum(q * q for q in y))

    return compute


@pytest.fixture
def segments_of() -> Callable[..., Segments]:
    """Segments with the given labels, and views in the order of appearance unless given."""

    def make(
        embeddings: Tensor, labels: Sequence[int], views: Sequence[int] | None = None, **others: Any
    ) -> Segments:
        if views is None:
            views = [list(labels[:i]).count(label) for i, label in enumerate(labels)]
        return Segments(embeddings, torch.tensor(labels), torch.tensor(views), **others)

    return make

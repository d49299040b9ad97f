"""What the tests of objectives share."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from contravox.data.batch import Batch


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
def batch_of() -> Callable[..., Batch]:
    """A batch with the given labels, and views in the order of appearance unless given."""

    def make(labels: Sequence[int], views: Sequence[int] | None = None) -> Batch:
        if views is None:
            views = [list(labels[:i]).count(label) for i, label in enumerate(labels)]
        size = len(labels)
        return Batch(
            waveforms=torch.zeros(size, 1),
            lengths=torch.ones(size, dtype=torch.int64),
            labels=torch.tensor(labels),
            utterances=torch.arange(size),
            views=torch.tensor(views),
        )

    return make

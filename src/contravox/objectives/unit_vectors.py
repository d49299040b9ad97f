"""Vectors of one length, whose inner products are cosines."""

from typing import Any

import torch
from torch import Tensor


def unit_vectors(vectors: Tensor, length: float = 1.0) -> Tensor:
    """ẑ = z/‖z‖ along the last dimension, times ``length``: (..., d) to (..., d).

    A zero vector stays zero and gets an ordinary gradient: dividing it by a tiny constant instead
    would multiply its gradient by the inverse of that constant.
    """
    return _UnitVectors.apply(vectors, length)


class _UnitVectors(torch.autograd.Function):
    """With its gradient (g − ẑ(ẑ·g))/‖z‖ written out: fewer passes than an automatic one."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, length: float) -> Tensor:
        norms = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
        scales = length / norms.masked_fill_(norms == 0, 1)
        units = vectors * scales
        ctx.save_for_backward(units, scales)
        ctx.length = length
        return units

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        units, scales = ctx.saved_tensors
        along = torch.linalg.vecdot(units, gradient)[..., None] / ctx.length**2
        return torch.addcmul(gradient, units, along, value=-1).mul_(scales), None

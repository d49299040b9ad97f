"""Vectors of length one, whose inner products are cosines."""

import torch
from torch import Tensor


def unit_vectors(vectors: Tensor) -> Tensor:
    """ẑ = z/‖z‖ along the last dimension: (..., d) to (..., d).

    A zero vector stays zero and gets an ordinary gradient: dividing it by a tiny constant instead
    would multiply its gradient by the inverse of that constant.
    """
    norms = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / norms.masked_fill(norms == 0, 1)

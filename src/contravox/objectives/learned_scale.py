"""The learned w and b of a similarity w·cos θ + b."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LearnedScale(nn.Module):
    """w, above zero and 10 at first, and b, −5 at first: Wan et al. 2018 (arXiv 1710.10467).

    w is the softplus of a free parameter: it cannot reach zero, has a gradient everywhere, and
    moves as the parameter does at the usual sizes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.raw_w = nn.Parameter(torch.tensor(math.log(math.expm1(10.0))))
        self.b = nn.Parameter(torch.tensor(-5.0))

    @property
    def w(self) -> Tensor:
        """The scale, a scalar above zero."""
        return F.softplus(self.raw_w)

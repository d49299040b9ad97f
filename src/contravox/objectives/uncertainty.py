"""Learned weights of losses: a noisy objective learns to count less."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contravox.errors import RecipeError

ROUNDING = 1e-4
"""How far below zero rounding in float32 can take a loss that cannot be negative."""


class Uncertainty(nn.Module):
    """A learned weight for each of K objectives, against a penalty for letting it shrink.

    Liebel and Körner 2018 (arXiv 1805.06334): Σ_k L_k/(2c_k²) + log(1 + c_k²), where the noise c_k
    of an objective is learned. It is the sum of Kendall, Gal and Cipolla 2018 (arXiv 1705.07115,
    equation 10) with log(1 + c²) for log c: the sum of losses of at least zero then stays above
    zero. With log c it has no lower bound as the losses of the training data reach zero.

    What is learned is log w_k of the weight w_k = 1/(2c_k²). Every weight is 1 at first. Under a
    constant loss L it goes to 2/(L + √(L² + 8L)): about 1/L for a large loss, 1/√(2L) for a small.

    A loss below zero, as uniformity's, has no such weight: it would grow without end.

    names: the objectives, for the message.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = list(names)
        self.log_weights = nn.Parameter(torch.zeros(len(self.names)))

    def forward(self, losses: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (K,) and penalties (K,) for losses (K,), all to be differentiated.

        Raises RecipeError that names the objective if a loss is negative.
        """
        for name, loss in zip(self.names, losses.tolist(), strict=True):
            if loss < -ROUNDING:
                raise RecipeError(
                    f"balance.name: uncertainty weighs no negative loss, and objectives.{name} is "
                    f"{loss:.4g}: choose another balance, such as mgda"
                )
        # log(1 + c²) with c² = 1/(2w)
        return self.log_weights.exp(), F.softplus(-self.log_weights - math.log(2))

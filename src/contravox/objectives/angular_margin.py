"""The angular margins cos(θ + m) and cos(θ − m)."""

import math

import torch
from torch import Tensor

from contravox.objectives.checks import check_angle

# 1 - s² is kept above this, so that the gradient of its root stays finite at s = ±1. It is about
# the spacing of float32 at 1, so the cosine changes by less than 4e-4·sin m.
SMALLEST_SQUARED_SINE = 1e-7


def add_angular_margin(cosine: Tensor, margin: float) -> Tensor:
    """cos(θ + margin) of cosines s = cos θ, of any shape; margin in radians, from 0 to π/2.

    It is s·cos m − √(1−s²)·sin m (the addition theorem, ArcFace: Deng et al. 2019, equation 3),
    without acos, whose gradient is infinite at ±1. Past θ = π − m, where cos(θ + m) would rise
    again, it goes on as s − m·sin m, so that it falls with θ everywhere.

    Raises ValueError for a margin outside 0 to π/2.
    """
    check_angle("margin", margin)
    if margin == 0:
        return cosine
    squared_sine = ((1 - cosine) * (1 + cosine)).clamp(min=SMALLEST_SQUARED_SINE)
    moved = cosine * math.cos(margin) - squared_sine.sqrt() * math.sin(margin)
    continued = cosine - margin * math.sin(margin)
    return torch.where(cosine > -math.cos(margin), moved, continued)


def subtract_angular_margin(cosine: Tensor, margin: float) -> Tensor:
    """cos(θ − margin) of cosines s = cos θ, of any shape; margin in radians, from 0 to π/2.

    It is −cos((π − θ) + m), and so the mirror image of ``add_angular_margin``: below θ = m, where
    cos(θ − m) would fall again, it goes on as s + m·sin m, so that it rises with s everywhere.

    Raises ValueError for a margin outside 0 to π/2.
    """
    return -add_angular_margin(-cosine, margin)

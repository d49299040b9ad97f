"""Weights of several gradients from their inner products alone."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor, distributed

from contravox.errors import RecipeError, brief
from contravox.extras import optional_packages

Weighting = Callable[[Tensor], Tensor]
"""Gram matrix (K, K) to weights (K,)."""

WEIGHTINGS = {
    "aligned_mtl": "AlignedMTLWeighting",
    "cagrad": "CAGradWeighting",
    "dualproj": "DualProjWeighting",
    "fairgrad": "FairGradWeighting",
    "imtl_g": "IMTLGWeighting",
    "mean": "MeanWeighting",
    "mgda": "MGDAWeighting",
    "pcgrad": "PCGradWeighting",
    "random": "RandomWeighting",
    "sum": "SumWeighting",
    "upgrad": "UPGradWeighting",
}
"""Name in a recipe to the class of torchjd.aggregation, but for "cagrad".

Those that see only one step's Gram matrix; others remember earlier steps, and a resumed run would
weigh otherwise than one that was never stopped.
"""


def make_weighting(name: str, options: dict[str, Any]) -> Weighting:
    """The weighting of that name, one of WEIGHTINGS.

    Raises RecipeError if torchjd lacks it, refuses its options or lacks a library for it, and
    MissingExtraError if torchjd itself is missing.
    """
    with optional_packages(f"balance.name {name}"):
        from torchjd import aggregation
    weighting = (
        CagradWeighting if name == "cagrad" else getattr(aggregation, WEIGHTINGS[name], None)
    )
    if weighting is None:
        available = [each for each, class_ in WEIGHTINGS.items() if hasattr(aggregation, class_)]
        raise RecipeError(
            f"balance.name: this torchjd has no {name}: choose one of "
            f"{', '.join(available)}, or install a newer one"
        )
    try:
        made: Weighting = weighting(**options)
        if options:
            # Some are only looked at in use, of which nothing may be seen in what is drawn later.
            with torch.random.fork_rng(devices=()):
                made(torch.eye(3, dtype=torch.float64))
    except ImportError as error:
        raise RecipeError(
            f"balance.name: {name} needs more than torchjd itself: {error}; "
            "mgda, mean and pcgrad need nothing more"
        ) from None
    # Whatever a library does with options of a type that it does not expect.
    except Exception as error:
        reason = brief(str(error), 200)
        raise RecipeError(f"balance.options: not those of {name}: {reason}") from error
    if name == "mgda":
        return lambda gramian: mgda_of_two(gramian) if len(gramian) == 2 else made(gramian)
    return made


def weigh(weighting: Weighting, gramian: Tensor, divisors: Tensor | None = None) -> Tensor:
    """Weights (K,) of gradients with Gram matrix (K, K): 0 for a zero gradient, else ``weighting``.

    If every gradient is zero, each gets 1.

    divisors: (K,) positive numbers by which the gradients are divided before they are weighed. The
    weights are those of the gradients as they are, each divided by its divisor, and add up to as
    much as those that were found.
    """
    # Those without a gradient stand aside.
    squares = gramian.diagonal()
    active = squares.nonzero().squeeze(1)
    if len(active) == 0:
        return torch.ones_like(squares)
    gramian = gramian[active][:, active]
    if len(active) == 1:
        weights = torch.ones_like(gramian[0])
    elif divisors is None:
        weights = _solve(weighting, gramian)
    else:
        # Weighed as if divided: ⟨g_i/d_i, g_j/d_j⟩, and the weights of g_i/d_i are 1/d_i of g_i.
        factors = 1 / divisors[active]
        found = _solve(weighting, factors[:, None] * gramian * factors)
        weights = found * factors
        total = weights.sum()
        # Weights of both signs may cancel: then there is no step, as where none is found.
        if total.abs() <= torch.finfo(weights.dtype).eps * weights.abs().sum():
            weights = torch.zeros_like(weights)
        else:
            weights = weights * (found.sum() / total)
    return torch.zeros_like(squares).index_put((active,), weights)


def _solve(weighting: Weighting, gramian: Tensor) -> Tensor:
    # Gradients of a batch mean are small, and FairGrad's solver gives up on small numbers.
    weights = weighting(gramian / gramian.diagonal().max()).detach()
    if distributed.is_initialized():
        # PCGrad draws an order, and each process would draw its own.
        distributed.broadcast(weights, src=0)
    return weights


def mgda_of_two(gramian: Tensor) -> Tensor:
    """Weights (2,) of the shortest convex combination of two gradients with Gram matrix (2, 2).

    α = clip((g_2 − g_1)·g_2 / ‖g_1 − g_2‖², 0, 1) and 1 − α: Sener and Koltun 2018 (arXiv
    1810.04650, section 3.2, the case of two tasks). Equal gradients get a half each.
    """
    (first, product), (_, second) = gramian
    squared_distance = first + second - 2 * product
    # Between equal gradients nothing but rounding is left.
    equal = squared_distance <= torch.finfo(gramian.dtype).eps * (first + second)
    share = ((second - product) / squared_distance.masked_fill(equal, 1)).clamp(0, 1)
    share = share.masked_fill(equal, 0.5)
    return torch.stack([share, 1 - share])


class CagradWeighting:
    """Conflict-averse gradient descent: Liu et al. 2021 (arXiv 2110.14048, algorithm 1).

    The mean gradient g_0 = Σ_k g_k/K and √φ/‖g_w‖·g_w, where √φ = c·‖g_0‖ and g_w = Σ_k w_k g_k is
    the convex combination that minimises g_w·g_0 + √φ‖g_w‖. Solved by SciPy, as in the authors'
    code; torchjd's needs cvxpy.

    c: how far from the mean gradient the step may lie, relative to its length; 0 is the mean.
    """

    def __init__(self, c: float = 0.5) -> None:
        if not 0 <= c < math.inf:
            raise ValueError(f"c must be at least 0, but got {c}")
        self.c = c

    def __call__(self, gramian: Tensor) -> Tensor:
        """Weights (K,) for a Gram matrix (K, K); all 0 where a combination of gradients is."""
        # ⟨g_k, g_0⟩ of each gradient, and √φ: of g_w·g_0 + √φ‖g_w‖ all but the Gram matrix itself.
        products, count = gramian.double().cpu().numpy(), len(gramian)
        with_mean = products.mean(axis=0)
        radius = self.c * math.sqrt(max(with_mean.mean(), 0.0))

        def length(weights: np.ndarray) -> float:
            return math.sqrt(max(weights @ products @ weights, 0.0))

        # w on the simplex: none below zero, one in all.
        found = minimize(
            lambda weights: weights @ with_mean + radius * length(weights),
            np.full(count, 1 / count),
            bounds=[(0, 1)] * count,
            constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
            options={"ftol": 1e-12, "maxiter": 200},
        ).x
        # g_w of no length but rounding has no direction to go in.
        if length(found) < 1e-4 * math.sqrt(products.trace()):
            return torch.zeros_like(gramian[0])
        # g_0 + √φ/‖g_w‖·g_w as weights of the g_k.
        return gramian.new_tensor(1 / count + radius / length(found) * found)

"""How much each objective counts in the loss of a step: fixed weights, or from gradients."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from contravox.errors import MissingExtraError, RecipeError, TrainingError
from contravox.settings import Settings

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
"""Name in a recipe to the class of torchjd.aggregation.

Those that see only one step's Gram matrix; others remember earlier steps, and a resumed run would
weigh otherwise than one that was never stopped.
"""


class BalanceSettings(Settings):
    """name: "fixed", or one of WEIGHTINGS; options: arguments of that class, by name.

    "mgda" on two objectives is solved exactly, and its options, those of a search, change nothing.
    """

    name: str = "fixed"
    options: dict[str, int | float | str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> Self:
        names = ["fixed", *WEIGHTINGS]
        if self.name not in names:
            near = get_close_matches(self.name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else "choose one of them"
            raise RecipeError(f"balance.name: {self.name} is none of {', '.join(names)}: {hint}")
        if self.name == "fixed" and self.options:
            raise RecipeError("balance.options: fixed weights take none: remove them")
        return self


class Balance:
    """The weight of each objective in one step.

    weights: the fixed weight of each objective, by its name in the recipe. With "fixed" it is the
    answer; otherwise it multiplies the objective's loss before its gradient is weighed.

    Raises RecipeError if torchjd lacks the weighting, refuses its options or lacks a library for
    it, and MissingExtraError if torchjd itself is missing.
    """

    def __init__(self, settings: BalanceSettings, weights: Mapping[str, float]) -> None:
        self.weights = dict(weights)
        self.weighting = None if settings.name == "fixed" else _torchjd_weighting(settings)
        self.is_mgda = settings.name == "mgda"

    def __call__(self, losses: Mapping[str, Tensor], shared: Sequence[Tensor]) -> dict[str, Tensor]:
        """The weight, a detached scalar, by which to multiply each of the unweighted losses.

        shared: what the encoder hands to the objectives, such as the batch's embeddings; the
        gradients of the losses with respect to it stand for those with respect to the encoder's
        weights (the upper bound of Sener and Koltun 2018, arXiv 1810.04650, section 3.3). The
        graph of the losses is kept for the backward pass of the weighted sum.

        An objective whose gradient is zero, as that of a contrastive loss without a positive pair,
        gets 0 and the others are weighed without it: MGDA would give it everything and the step
        would be lost. If every gradient is zero, each objective gets its fixed weight.

        Raises TrainingError for a gradient that is not finite, ValueError for losses of other
        objectives than the weights'.
        """
        if losses.keys() != self.weights.keys():
            raise ValueError(f"losses: {list(self.weights)} expected, got {list(losses)}")
        fixed = {name: loss.new_tensor(self.weights[name]) for name, loss in losses.items()}
        if self.weighting is None:
            return fixed
        gramian = _gramian([fixed[name] * loss for name, loss in losses.items()], shared)
        squares = gramian.diagonal()
        for name, square in zip(losses, squares.tolist(), strict=True):
            if not square < float("inf"):
                raise TrainingError(f"the gradient of the objective {name} is not finite")
        active = squares.nonzero().squeeze(1)
        if len(active) == 0:
            return fixed
        gramian = gramian[active][:, active]
        if len(active) == 1:
            weighed = torch.ones_like(gramian[0])
        elif len(active) == 2 and self.is_mgda:
            weighed = mgda_of_two(gramian)
        else:
            # Gradients of a batch mean are small, and FairGrad's solver gives up on small numbers.
            weighed = self.weighting(gramian / gramian.diagonal().max()).detach()
        shares = torch.zeros_like(squares).index_put((active,), weighed)
        return {
            name: (share * fixed[name]).to(fixed[name].dtype)
            for name, share in zip(losses, shares, strict=True)
        }


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


def _gramian(losses: Sequence[Tensor], shared: Sequence[Tensor]) -> Tensor:
    """The inner products (K, K) of the gradients of K losses, in float64, where squares fit."""
    gradients = [
        torch.autograd.grad(
            loss, shared, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for loss in losses
    ]
    gramian = torch.zeros(len(losses), len(losses), dtype=torch.float64, device=losses[0].device)
    for of_one_tensor in zip(*gradients, strict=True):
        rows = torch.stack([gradient.flatten().double() for gradient in of_one_tensor])
        gramian += rows @ rows.T
    return gramian


def _torchjd_weighting(settings: BalanceSettings) -> Callable[[Tensor], Tensor]:
    try:
        from torchjd import aggregation
    except ImportError:
        raise MissingExtraError(
            f"balance.name {settings.name} needs torchjd: pip install 'contravox[train]'"
        ) from None
    weighting = getattr(aggregation, WEIGHTINGS[settings.name], None)
    if weighting is None:
        available = [name for name, class_ in WEIGHTINGS.items() if hasattr(aggregation, class_)]
        raise RecipeError(
            f"balance.name: this torchjd has no {settings.name}: choose one of "
            f"{', '.join(available)}, or install a newer one"
        )
    try:
        return weighting(**settings.options)
    except ImportError as error:
        raise RecipeError(
            f"balance.name: {settings.name} needs more than torchjd itself: {error}; "
            "mgda, mean and pcgrad need nothing more"
        ) from None
    except (TypeError, ValueError) as error:
        raise RecipeError(f"balance.options: not those of {settings.name}: {error}") from None

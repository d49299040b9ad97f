"""How much each objective counts in the loss of a step: fixed, learned, or from gradients."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, distributed, nn

from contravox.errors import MissingExtraError, RecipeError, TrainingError
from contravox.settings import Settings
from contravox.uncertainty import Uncertainty

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
    """name: "fixed", "uncertainty" (weights are learned), or one of WEIGHTINGS, whose class takes
    the options, by name.

    "mgda" on two objectives is solved exactly, and its options, those of a search, change nothing.
    """

    name: str = Field("fixed", max_length=100)
    options: dict[str, int | float | str] = Field(default_factory=dict, max_length=20)

    @model_validator(mode="after")
    def _known(self) -> Self:
        names = ["fixed", "uncertainty", *WEIGHTINGS]
        if self.name not in names:
            near = get_close_matches(self.name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else "choose one of them"
            raise RecipeError(f"balance.name: {self.name} is none of {', '.join(names)}: {hint}")
        if self.name not in WEIGHTINGS and self.options:
            raise RecipeError(f"balance.options: {self.name} takes none: remove them")
        return self


class Balanced(NamedTuple):
    """loss: the scalar to differentiate; weights: what each loss counts in it, by the objective's
    name, scalars that carry no gradient."""

    loss: Tensor
    weights: dict[str, Tensor]


class Balance(nn.Module):
    """The weight of each objective in one step.

    weights: the fixed weight of each objective, by its name in the recipe. With "fixed" it is the
    answer. Otherwise it multiplies the objective's loss before its gradient is weighed, or, with
    "uncertainty", what the objective adds to the sum: its weighted loss and the penalty.

    Raises RecipeError if torchjd lacks the weighting, refuses its options or lacks a library for
    it, and MissingExtraError if torchjd itself is missing.
    """

    def __init__(self, settings: BalanceSettings, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.fixed = dict(weights)
        self.is_mgda = settings.name == "mgda"
        self.weighting = _torchjd_weighting(settings) if settings.name in WEIGHTINGS else None
        self.uncertainty = Uncertainty(list(self.fixed)) if settings.name == "uncertainty" else None

    def forward(self, losses: Mapping[str, Tensor], shared: Sequence[Tensor]) -> Balanced:
        """The weighted sum of the losses, scalars by the objective's name.

        shared: what the encoder hands to the objectives, such as the batch's embeddings (N, d),
        whole or in chunks of segments; the gradients of the losses with respect to it stand for
        those with respect to the encoder's weights (the upper bound of Sener and Koltun 2018,
        arXiv 1810.04650, section 3.3). Across processes, each with its equal share of the batch,
        all get the same weights.

        An objective whose gradient is zero, as that of a contrastive loss without a positive pair,
        gets 0 and the others are weighed without it: MGDA would give it everything and the step
        would be lost. If every gradient is zero, each objective gets its fixed weight.

        Where gradients oppose each other, no step betters every objective. Those that MGDA weighs
        then add up to zero: the encoder stands still, and what belongs to one objective alone,
        such as class vectors, moves on. "imtl_g" and "cagrad" may give every objective 0.

        Raises TrainingError for a gradient that is not finite, RecipeError for a negative loss
        with "uncertainty", ValueError for losses of other objectives than the weights'.
        """
        if losses.keys() != self.fixed.keys():
            raise ValueError(f"losses: {list(self.fixed)} expected, got {list(losses)}")
        values = torch.stack([losses[name] for name in self.fixed])
        fixed = values.new_tensor(list(self.fixed.values()))
        shares, penalties = torch.ones_like(fixed), torch.zeros_like(fixed)
        if self.uncertainty is not None:
            shares, penalties = self.uncertainty(values)
        elif self.weighting is not None:
            weighted = {name: weight * losses[name] for name, weight in self.fixed.items()}
            shares = self._weigh(self.weighting, _gramian(weighted, shared)).to(fixed)
        loss = (fixed * (shares * values + penalties)).sum()
        return Balanced(loss, dict(zip(self.fixed, (fixed * shares).detach(), strict=True)))

    def _weigh(self, weighting: Callable[[Tensor], Tensor], gramian: Tensor) -> Tensor:
        """Weights (K,) of gradients with Gram matrix (K, K): 0 for a zero gradient."""
        squares = gramian.diagonal()
        active = squares.nonzero().squeeze(1)
        if len(active) == 0:
            return torch.ones_like(squares)
        gramian = gramian[active][:, active]
        if len(active) == 1:
            weights = torch.ones_like(gramian[0])
        elif len(active) == 2 and self.is_mgda:
            weights = mgda_of_two(gramian)
        else:
            # Gradients of a batch mean are small, and FairGrad's solver gives up on small numbers.
            weights = weighting(gramian / gramian.diagonal().max()).detach()
            if distributed.is_initialized():
                # PCGrad draws an order, and each process would draw its own.
                distributed.broadcast(weights, src=0)
        return torch.zeros_like(squares).index_put((active,), weights)


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


def _gramian(losses: Mapping[str, Tensor], shared: Sequence[Tensor]) -> Tensor:
    """The inner products (K, K) of the gradients of K losses, up to a common factor.

    In float64, where squares fit. Raises TrainingError for a gradient that is not finite.
    """
    # The gradient of a batch mean gets lost in float16: that of a sum over segments does not.
    segments = sum(map(len, shared))
    gradients = [
        torch.autograd.grad(
            segments * loss, shared, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for loss in losses.values()
    ]
    gramian = torch.zeros(len(losses), len(losses), dtype=torch.float64, device=shared[0].device)
    for of_one_tensor in zip(*gradients, strict=True):
        rows = torch.stack([gradient.flatten().double() for gradient in of_one_tensor])
        gramian += rows @ rows.T
    if distributed.is_initialized():
        distributed.all_reduce(gramian)
    # Only after the sum, so that every process stops and none waits for another.
    for name, square in zip(losses, gramian.diagonal().tolist(), strict=True):
        if not square < float("inf"):
            raise TrainingError(f"the gradient of the objective {name} is not finite")
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

"""How much each objective counts in the loss of a step: fixed, learned, or from gradients."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, distributed, nn

from contravox.errors import RecipeError, TrainingError, near_miss
from contravox.objectives.gradient_weights import WEIGHTINGS, make_weighting, weigh
from contravox.objectives.uncertainty import ROUNDING, Uncertainty
from contravox.settings import Settings

Normalise = Literal["none", "norm", "loss", "loss+norm", "initial_loss"]


Option = (
    Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
    | Annotated[float, Field(ge=-1e9, le=1e9)]
    | Annotated[str, Field(max_length=100)]
)


_FOUND = ", ".join(WEIGHTINGS)


class BalanceSettings(Settings):
    """options: of the class in torchjd that finds the weights, by name; see ``WEIGHTINGS``.

    "mgda" on two objectives is solved exactly, and its options, those of a search, change nothing.

    normalise: what the gradient of each loss is divided by before it is weighed: its norm, its
    loss, both (l2, loss and loss+ in the code of Sener and Koltun 2018), or the loss of the first
    step that had one. The fixed weight cancels.
    own_parameters: whether what belongs to one objective alone, such as class vectors, heads and
    scales, takes the full gradient of the loss times its fixed weight (Sener and Koltun 2018,
    algorithm 2), or the weighted one that the encoder takes.
    """

    name: str = Field(
        "fixed", max_length=100, description=f"uncertainty: learned; from gradients: {_FOUND}"
    )
    options: dict[str, Option] = Field(default_factory=dict, max_length=20)
    normalise: Normalise = "none"
    own_parameters: Literal["full", "weighted"] = "full"

    @model_validator(mode="after")
    def _known(self) -> Self:
        names = ["fixed", "uncertainty", *WEIGHTINGS]
        if self.name not in names:
            hint = near_miss(self.name, names, "choose one of them")
            raise RecipeError(f"balance.name: {self.name} is none of {', '.join(names)}: {hint}")
        plain = {"options": {}, "normalise": "none", "own_parameters": "full"}
        for key, value in plain.items():
            if self.name not in WEIGHTINGS and getattr(self, key) != value:
                raise RecipeError(
                    f"balance.{key}: {self.name} weighs no gradients and takes none: remove it"
                )
        return self


class Balanced(NamedTuple):
    """One loss of several, and how it came about.

    loss: the scalar to differentiate. The rest is by the objective's name, scalars that carry no
    gradient.

    weights: what each loss counts in what the objectives share.
    gates: what its gradient must count for that behind its ``GradientGate``.
    shares: its share of the gradient of what is shared, its part Σ_k w_k‖g_k‖ of them all; 0 of
    all where there is no gradient. Empty where it was not measured, or for one objective.
    """

    loss: Tensor
    weights: dict[str, Tensor]
    gates: dict[str, Tensor]
    shares: dict[str, Tensor]


class Balance(nn.Module):
    """The weight of each objective in one step.

    weights: the fixed weight of each objective, by its name in the recipe. With "fixed" it is the
    answer. Otherwise it multiplies the objective's loss before its gradient is weighed, or, with
    "uncertainty", what the objective adds to the sum: its weighted loss and the penalty.

    Raises RecipeError if torchjd lacks the weighting, refuses its options or lacks a library for
    it, and MissingExtraError if torchjd itself is missing.
    """

    initial_losses: Tensor

    def __init__(self, settings: BalanceSettings, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.fixed = dict(weights)
        self.normalise = settings.normalise
        self.own_parameters = settings.own_parameters
        self.weighting = None
        if settings.name in WEIGHTINGS:
            self.weighting = make_weighting(settings.name, settings.options)
        self.uncertainty = Uncertainty(list(self.fixed)) if settings.name == "uncertainty" else None
        if self.normalise == "initial_loss":
            self.register_buffer("initial_losses", torch.zeros(len(self.fixed)))

    @property
    def weighs_gradients(self) -> bool:
        """Whether no step can do without the gradients of what is shared."""
        return self.weighting is not None

    def forward(
        self, losses: Mapping[str, Tensor], shared: Sequence[Tensor], *, measure: bool = True
    ) -> Balanced:
        """The weighted sum of the losses, scalars by the objective's name.

        shared: what the encoder hands to the objectives, such as the batch's embeddings (N, d),
        whole or in chunks of segments; the gradients of the losses with respect to it stand for
        those with respect to the encoder's weights (the upper bound of Sener and Koltun 2018,
        arXiv 1810.04650, section 3.3). Across processes, each with its equal share of the batch,
        all get the same weights. measure: whether to take gradients for the shares alone.

        An objective whose gradient is zero, as that of a contrastive loss without a positive pair,
        gets 0 and the others are weighed without it: MGDA would give it everything and the step
        would be lost. If every gradient is zero, each objective gets its fixed weight.

        Where gradients oppose each other, no step betters every objective. Those that MGDA weighs
        then add up to zero: the encoder stands still, and what belongs to one objective alone,
        such as class vectors, moves on. "imtl_g" and "cagrad" may give every objective 0.

        Raises TrainingError for a gradient that is not finite, RecipeError for a negative loss
        with "uncertainty" or in a division by losses, ValueError for losses of other objectives
        than the weights'.
        """
        if losses.keys() != self.fixed.keys():
            raise ValueError(f"losses: {list(self.fixed)} expected, got {list(losses)}")
        values = torch.stack([losses[name] for name in self.fixed])
        fixed = values.new_tensor(list(self.fixed.values()))
        gramian = None
        if self.weighs_gradients or (measure and len(self.fixed) > 1):
            weighted = [weight * losses[name] for name, weight in self.fixed.items()]
            gramian = _gramian(weighted, shared)
        # What a loss counts beside its fixed weight: for the encoder, and of it behind its gate.
        counts, gates, penalties = torch.ones_like(fixed), torch.ones_like(fixed), 0 * fixed
        if self.uncertainty is not None:
            counts, penalties = self.uncertainty(values)
        elif self.weighting is not None and gramian is not None:
            self._check_finite(gramian)
            counts = weigh(self.weighting, gramian, self._divisors(gramian, values)).to(fixed)
            gates = counts if self.own_parameters == "full" else gates
        before_gates = torch.ones_like(counts) if gates is counts else counts
        loss = (fixed * (before_gates * values + penalties)).sum()
        counts = counts.detach()
        shares = {} if gramian is None or len(self.fixed) == 1 else self._shares(gramian, counts)
        return Balanced(loss, self._by_name(fixed * counts), self._by_name(gates), shares)

    def _by_name(self, values: Tensor) -> dict[str, Tensor]:
        return dict(zip(self.fixed, values, strict=True))

    def _shares(self, gramian: Tensor, counts: Tensor) -> dict[str, Tensor]:
        lengths = counts.abs() * gramian.diagonal().sqrt()
        total = lengths.sum()
        # Half precision may overflow in a step that is then left out: nothing was measured.
        if not total.isfinite():
            return {}
        return self._by_name(lengths / total.clamp(min=torch.finfo(lengths.dtype).tiny))

    def _check_finite(self, gramian: Tensor) -> None:
        # Only after the sum over processes, so that every one stops and none waits for another.
        for name, square in zip(self.fixed, gramian.diagonal().tolist(), strict=True):
            if not math.isfinite(square):
                raise TrainingError(f"the gradient of the objective {name} is not finite")

    def _divisors(self, gramian: Tensor, losses: Tensor) -> Tensor | None:
        """What the gradients of the losses (K,), each times its fixed weight, are divided by."""
        if self.normalise == "none":
            return None
        by_norm = self.normalise in ("norm", "loss+norm")
        fixed = gramian.new_tensor(list(self.fixed.values()))
        divisors = gramian.diagonal().sqrt() if by_norm else fixed
        if self.normalise != "norm":
            divisors = divisors * self._positive(losses.detach().double())
        return divisors

    def _positive(self, losses: Tensor) -> Tensor:
        """The losses (K,) over all processes, of this step or of the first that had them."""
        if distributed.is_initialized():
            # A classifier's loss is that of a process's own segments.
            losses = losses / distributed.get_world_size()
            distributed.all_reduce(losses)
        for name, loss in zip(self.fixed, losses.tolist(), strict=True):
            if loss < -ROUNDING:
                raise RecipeError(
                    f"balance.normalise: {self.normalise} divides by no negative loss, and "
                    f"objectives.{name} is {loss:.4g}: choose norm"
                )
        if self.normalise == "initial_loss":
            # A contrastive loss without a positive pair is zero.
            first = torch.where(self.initial_losses > 0, self.initial_losses, losses)
            self.initial_losses.copy_(first)
            losses = self.initial_losses.to(losses)
        return losses.clamp(min=torch.finfo(torch.float32).tiny)


def _gramian(losses: Sequence[Tensor], shared: Sequence[Tensor]) -> Tensor:
    """The inner products (K, K) of the gradients of K losses, up to a common factor.

    In float64, where squares fit.
    """
    # The gradient of a batch mean gets lost in float16: that of a sum over segments does not.
    segments = sum(map(len, shared))
    gradients = [
        torch.autograd.grad(
            segments * loss, shared, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for loss in losses
    ]
    gramian = torch.zeros(len(losses), len(losses), dtype=torch.float64, device=shared[0].device)
    for of_one_tensor in zip(*gradients, strict=True):
        rows = torch.stack([gradient.flatten().double() for gradient in of_one_tensor])
        gramian += rows @ rows.T
    if distributed.is_initialized():
        distributed.all_reduce(gramian)
    return gramian

"""The optimiser of a training run."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field
from torch.optim import SGD, Adam, AdamW, Optimizer

from contravox.settings import Settings


class OptimiserSettings(Settings):
    """The optimiser and its peak learning rate."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(1e-3, gt=0, le=1000)
    weight_decay: float = Field(0.0, ge=0, le=1000)
    momentum: float = Field(0.9, ge=0, lt=1, description="sgd only")


def make_optimiser(groups: Sequence[dict[str, Any]], settings: OptimiserSettings) -> Optimizer:
    """The optimiser of groups of parameters, as PyTorch takes them."""
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.name == "sgd":
        return SGD(groups, rate, momentum=settings.momentum, weight_decay=decay)
    optimiser = {"adam": Adam, "adamw": AdamW}[settings.name]
    return optimiser(groups, rate, weight_decay=decay)

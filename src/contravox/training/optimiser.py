"""The optimiser of a training run."""

from typing import Any

from torch.optim import SGD, Adam, AdamW, Optimizer

from contravox.training.recipe import OptimiserSettings
from contravox.training.system import System


def make_optimiser(system: System, settings: OptimiserSettings) -> Optimizer:
    """The optimiser of everything that trains."""
    # Decay would draw the balance towards equal weights.
    balance = list(system.balance.parameters())
    rest = [each for each in system.parameters() if all(each is not other for other in balance)]
    parameters: list[dict[str, Any]] = [{"params": rest}]
    if balance:
        parameters.append({"params": balance, "weight_decay": 0.0})
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.name == "sgd":
        return SGD(parameters, rate, momentum=settings.momentum, weight_decay=decay)
    optimiser = {"adam": Adam, "adamw": AdamW}[settings.name]
    return optimiser(parameters, rate, weight_decay=decay)

"""The way of an objective's gradient back into the encoder."""

from torch import Tensor


class GradientGate:
    """What an objective sees of the encoder goes through its gate, and its gradient back.

    weight: how often the gradient counts behind the gate, to be set before it comes. What belongs
    to the objective alone lies before the gate, and takes the whole gradient whatever the weight.
    """

    def __init__(self) -> None:
        self.weight: Tensor | float = 1.0

    def __call__(self, values: Tensor) -> Tensor:
        """The same values, (...)."""
        if not values.requires_grad:
            return values
        passed = values.view_as(values)
        passed.register_hook(lambda gradient: gradient * self.weight)
        return passed

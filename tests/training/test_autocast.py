import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from contravox.training.autocast import Autocast


class Noting(nn.Module):
    """A layer, and what it was given and made in each step."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, values):
        self.given, self.made = values, self.layer(values)
        return self.made


@pytest.mark.parametrize(
    ("precision", "kind"), [("bf16-mixed", torch.bfloat16), ("16-mixed", torch.float16)]
)
def test_layers_round_and_what_they_are_given_is_whole(precision, kind):
    fabric = Fabric(accelerator="cpu", devices=1, plugins=[Autocast(precision, "cpu")])
    module = Noting()
    values = torch.rand(3, 4)
    made = fabric.setup_module(module)(values)
    assert torch.equal(module.given, values)
    assert module.made.dtype == kind
    assert made.dtype == torch.float32

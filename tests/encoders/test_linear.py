"""A linear layer by oneDNN does what PyTorch's own does."""

import numpy as np
import pytest
import torch

from contravox.encoders import linear
from contravox.encoders.linear import ONEDNN, Linear

pytestmark = pytest.mark.skipif(not ONEDNN, reason="PyTorch has no oneDNN here")


@pytest.fixture
def by_onednn(monkeypatch):
    """How often a layer's product was given to oneDNN."""
    calls = []
    given = linear._product
    monkeypatch.setattr(linear, "_product", lambda *given_: calls.append(1) or given(*given_))
    return calls


def pair(inputs=24, outputs=40, **how):
    torch.manual_seed(0)
    plain, ours = torch.nn.Linear(inputs, outputs, **how), Linear(inputs, outputs, **how)
    ours.load_state_dict(plain.state_dict())
    return plain, ours


VALUES = {
    "two axes": lambda: torch.randn(7, 24),
    "three axes": lambda: torch.randn(3, 5, 24),
    "transposed": lambda: torch.randn(3, 24, 5).transpose(1, 2),
    "a slice": lambda: torch.randn(6, 5, 48)[::2, :, ::2],
    "one row": lambda: torch.randn(1, 24),
}


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES)
def test_values_and_gradients_are_those_of_pytorch(make, bias, by_onednn):
    results = []
    for layer in pair(bias=bias):
        torch.manual_seed(1)
        values = make().requires_grad_()
        given = layer(values)
        (given * torch.linspace(-1, 1, 40)).square().sum().backward()
        results.append([given.detach(), values.grad, *(each.grad for each in layer.parameters())])
    assert by_onednn
    for expected, found in zip(*results, strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_what_needs_no_gradient_gets_none():
    _, layer = pair()
    layer.weight.requires_grad_(False)
    values = torch.randn(4, 24, requires_grad=True)
    layer(values).sum().backward()
    assert layer.weight.grad is None
    np.testing.assert_allclose(values.grad, layer.weight.sum(dim=0).expand(4, -1), rtol=1e-4)
    layer.zero_grad()
    layer.weight.requires_grad_(True)
    layer(torch.ones(4, 24)).sum().backward()
    np.testing.assert_allclose(layer.weight.grad, np.full((40, 24), 4.0))


def test_gradients_of_several_losses_at_once():
    plain, ours = pair()
    found = []
    for layer in (plain, ours):
        given = layer(torch.linspace(-1, 1, 72).reshape(3, 24)).square().mean(dim=1)
        found.append(
            torch.autograd.grad(given, layer.weight, torch.eye(3), is_grads_batched=True)[0]
        )
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(24,), (0, 24), (2, 0, 24)])
def test_one_row_without_an_axis_and_none(shape):
    assert Linear(24, 40)(torch.ones(shape)).shape == (*shape[:-1], 40)


@pytest.mark.parametrize("how", ["double", "bfloat16", "autocast", "exported"])
def test_all_else_is_pytorch_s_own(how, by_onednn):
    plain, ours = pair()
    values = torch.randn(5, 24)
    if how in ("double", "bfloat16"):
        kind = getattr(torch, {"double": "float64"}.get(how, how))
        plain, ours, values = plain.to(kind), ours.to(kind), values.to(kind)
    elif how == "exported":
        exported = torch.export.export(ours, (values,)).module()
        ours = exported
    with torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
        assert torch.equal(ours(values), plain(values))
    assert not by_onednn

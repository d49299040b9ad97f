import math

import pytest
import torch

from contravox.errors import RecipeError
from contravox.objectives.uncertainty import Uncertainty


def uncertainty(*weights):
    module = Uncertainty([f"loss{i}" for i in range(len(weights))]).double()
    with torch.no_grad():
        module.log_weights.copy_(torch.tensor(weights, dtype=torch.float64).log())
    return module


def total(module, *losses):
    values = torch.tensor(losses, dtype=torch.float64)
    weights, penalties = module(values)
    return (weights * values + penalties).sum()


def test_the_sum_is_the_paper_s():
    noises = [0.1, 0.7, 1.0, 20.0]
    losses = [3.0, 0.0, 0.4, 70.0]
    module = uncertainty(*(1 / (2 * c**2) for c in noises))
    expected = sum(
        loss / (2 * c**2) + math.log(1 + c**2) for loss, c in zip(losses, noises, strict=True)
    )
    assert total(module, *losses).item() == pytest.approx(expected, rel=1e-6)


def test_every_weight_is_one_at_first():
    weights, _ = Uncertainty(["one", "two"])(torch.tensor([1.0, 2.0]))
    assert weights.tolist() == [1, 1]


def test_gradients():
    module = uncertainty(0.2, 1.5)

    def sums(log_weights, losses):
        weights, penalties = torch.func.functional_call(
            module, {"log_weights": log_weights}, (losses,)
        )
        return weights * losses + penalties

    losses = torch.tensor([0.3, 5.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(sums, (module.log_weights, losses))


@pytest.mark.parametrize(
    # By hand: −L/(2c⁴) + 1/(1 + c²) = 0 at c² = 1 for L = 1, at c² = 2 for L = 8/3.
    ("loss", "best"),
    [(1.0, 0.5), (8 / 3, 0.25), (1e-4, None), (1e4, None)],
)
def test_a_constant_loss_leads_to_the_weight_of_the_docstring(loss, best):
    expected = 2 / (loss + math.sqrt(loss**2 + 8 * loss))
    assert best is None or expected == pytest.approx(best)
    module = uncertainty(expected)
    total(module, loss).backward()
    assert module.log_weights.grad.item() == pytest.approx(0, abs=1e-9)
    for other in (0.9 * expected, 1.1 * expected):
        assert total(uncertainty(other), loss) > total(module, loss)


def test_gradient_descent_finds_that_weight():
    module = Uncertainty(["small", "large"])
    optimiser = torch.optim.Adam(module.parameters(), 0.05)
    for _ in range(1000):
        optimiser.zero_grad()
        total(module, 1.0, 8 / 3).backward()
        optimiser.step()
    assert module.log_weights.exp().tolist() == pytest.approx([0.5, 0.25], rel=1e-3)


@pytest.mark.parametrize("weight", [1e-30, 1e-3, 1.0, 1e3, 1e30])
@pytest.mark.parametrize("loss", [0.0, 1e-6, 1.0])
def test_the_sum_stays_above_zero(weight, loss):
    module = uncertainty(weight)
    value = total(module, loss)
    value.backward()
    assert 0 < value < float("inf")
    assert module.log_weights.grad.isfinite().all()


def test_a_negative_loss_is_refused_by_name():
    module = Uncertainty(["contrast", "uniformity"])
    with pytest.raises(RecipeError, match=r"objectives\.uniformity is -3\.2: .*mgda"):
        module(torch.tensor([1.0, -3.2]))


def test_rounding_below_zero_is_no_negative_loss():
    weights, penalties = Uncertainty(["triplet"])(torch.tensor([-1e-7]))
    assert weights.isfinite().all()
    assert penalties.isfinite().all()

import math

import pytest
import torch

from contravox.objectives.angular_margin import add_angular_margin, subtract_angular_margin


@pytest.mark.parametrize("margin", [0.05, 0.2, 0.5, math.pi / 2])
def test_is_the_cosine_of_the_moved_angle(margin):
    angles = torch.linspace(0.01, math.pi - margin - 0.001, 500, dtype=torch.float64)
    moved = add_angular_margin(angles.cos(), margin)
    torch.testing.assert_close(moved, (angles + margin).cos(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("margin", [0.05, 0.2, 0.5, math.pi / 2])
def test_falls_with_the_angle_from_0_to_pi(margin):
    angles = torch.linspace(0.001, math.pi - 0.001, 5000, dtype=torch.float64)
    assert add_angular_margin(angles.cos(), margin).diff().max() < 0


def test_past_the_end_it_goes_on_as_methods_say():
    cosine = torch.tensor([-0.995, -1.0], dtype=torch.float64)  # θ > π − 0.2: cos θ < −0.980
    expected = cosine - 0.2 * math.sin(0.2)
    torch.testing.assert_close(add_angular_margin(cosine, 0.2), expected)


def test_value_and_gradient_at_both_ends():
    cosine = torch.tensor([1.0, -1.0, 1.0000001, -1.0000001], requires_grad=True)
    moved = add_angular_margin(cosine, 0.2)
    assert moved[0].item() == pytest.approx(math.cos(0.2), abs=1e-4)
    moved.sum().backward()
    assert cosine.grad.isfinite().all()


def test_no_margin_changes_nothing():
    cosine = torch.linspace(-1, 1, 9)
    assert torch.equal(add_angular_margin(cosine, 0.0), cosine)


def test_gradient():
    angles = torch.tensor([0.1, 1.0, 2.0, 2.9, 3.1], dtype=torch.float64)
    cosine = angles.cos().requires_grad_()
    assert torch.autograd.gradcheck(lambda s: add_angular_margin(s, 0.2), cosine)


@pytest.mark.parametrize("margin", [-0.1, 1.6, math.nan])
def test_refuses_a_margin_out_of_range(margin):
    with pytest.raises(ValueError, match="margin"):
        add_angular_margin(torch.zeros(1), margin)


@pytest.mark.parametrize("margin", [0.05, 0.2, 0.5, math.pi / 2])
def test_subtracted_is_the_cosine_of_the_moved_angle_and_falls_everywhere(margin):
    angles = torch.linspace(0.001, math.pi - 0.001, 5000, dtype=torch.float64)
    moved = subtract_angular_margin(angles.cos(), margin)
    beyond = angles > margin + 0.001
    expected = (angles - margin).cos()[beyond]
    torch.testing.assert_close(moved[beyond], expected, rtol=1e-9, atol=1e-9)
    assert moved.diff().max() < 0


def test_subtracted_goes_on_near_zero_and_is_differentiable_at_both_ends():
    cosine = torch.tensor([1.0, 0.995, -1.0], requires_grad=True)  # θ < 0.2: cos θ > 0.980
    moved = subtract_angular_margin(cosine, 0.2)
    expected = torch.tensor([1 + 0.2 * math.sin(0.2), 0.995 + 0.2 * math.sin(0.2), -math.cos(0.2)])
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-4)
    moved.sum().backward()
    assert cosine.grad.isfinite().all()

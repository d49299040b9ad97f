import pytest
import torch

from contravox.objectives.learned_scale import LearnedScale


def test_starts_at_10_and_minus_5():
    scale = LearnedScale()
    assert scale.w.item() == pytest.approx(10, rel=1e-6)
    assert scale.b.item() == -5


def test_w_stays_positive_and_movable_however_hard_it_is_pushed_down():
    scale = LearnedScale()
    optimiser = torch.optim.SGD(scale.parameters(), lr=1.0)
    for _ in range(100):
        optimiser.zero_grad()
        scale.w.backward()  # a loss that only ever asks for a smaller w
        optimiser.step()
        assert scale.w.item() > 0
        assert scale.raw_w.grad.item() > 0
    assert scale.w.item() < 0.1

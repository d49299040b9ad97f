import pytest
import torch

from contravox.objectives.gradient_gate import GradientGate


@pytest.mark.parametrize("weight", [0.0, 0.25, torch.tensor(0.25, dtype=torch.float64)])
def test_values_pass_and_their_gradient_counts_by_the_weight_set_last(weight):
    values = torch.tensor([1.0, 2.0], requires_grad=True)
    own = torch.tensor([3.0, 5.0], requires_grad=True)
    gate = GradientGate()
    passed = gate(values)
    assert passed.tolist() == [1, 2]
    loss = (own * passed).sum()
    (whole,) = torch.autograd.grad(loss, values, retain_graph=True)
    assert whole.tolist() == [3, 5]
    gate.weight = weight
    loss.backward()
    assert values.grad.tolist() == [float(weight) * 3, float(weight) * 5]
    assert values.grad.dtype == torch.float32
    assert own.grad.tolist() == [1, 2]


def test_two_gates_of_one_tensor_weigh_apart():
    values = torch.tensor([1.0], requires_grad=True)
    first, second = GradientGate(), GradientGate()
    first.weight, second.weight = 2.0, 0.5
    (first(values) + 4 * second(values)).sum().backward()
    assert values.grad.tolist() == [2 + 4 * 0.5]


def test_without_a_gradient_there_is_no_gate():
    values = torch.ones(2)
    assert GradientGate()(values) is values

import pytest
import torch

from contravox.objectives.unit_vectors import unit_vectors


@pytest.mark.parametrize("length", [1.0, 3.7])
@pytest.mark.parametrize("shape", [(5,), (4, 5), (3, 2, 5)])
def test_direction_is_kept_and_length_is_as_asked(shape, length, vectors):
    x = vectors(*shape)
    units = unit_vectors(x, length)
    torch.testing.assert_close(units, length * x / x.square().sum(-1, keepdim=True).sqrt())
    torch.testing.assert_close(units.norm(dim=-1), torch.full(shape[:-1], length).double())


@pytest.mark.parametrize("length", [1.0, 3.7])
def test_gradient(length, vectors):
    x = vectors(3, 2, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: unit_vectors(x, length), x)


def test_a_zero_vector_stays_and_hands_its_gradient_on():
    x = torch.zeros(2, 3, requires_grad=True)
    units = unit_vectors(x, 2.0)
    units.backward(torch.tensor([[1.0, 2, 3], [0, 0, 0]]))
    assert torch.equal(units, torch.zeros(2, 3))
    assert torch.equal(x.grad, torch.tensor([[2.0, 4, 6], [0, 0, 0]]))

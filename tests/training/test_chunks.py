import pytest
import torch
from torch import nn

from contravox.training.chunks import in_chunks


class Noisy(nn.Module):
    """Batch normalisation, dropout, and a memory of how many rows it was given at a time."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(), nn.Tanh())
        self.sizes = []

    def forward(self, rows, weights):
        self.sizes.append(len(rows))
        return self.layers(rows) * weights[:, None]


def make_noisy():
    torch.manual_seed(0)
    return Noisy(), torch.randn(10, 4), torch.rand(10)


def loss_of(parts):
    """One in which every row meets every other."""
    rows = torch.cat(parts)
    return (rows @ rows.T).exp().mean()


def test_gradients_are_those_of_the_same_chunks_held_all_at_once():
    module, *rows = make_noisy()
    torch.manual_seed(1)
    loss = loss_of(in_chunks(module, rows, 4, module))
    after_first_pass = torch.get_rng_state()
    loss.backward()
    # Ten rows in equal chunks, as few as can be; once more each in the backward pass.
    assert module.sizes[:3] == [4, 3, 3]
    assert sorted(module.sizes[3:]) == [3, 3, 4]
    assert torch.get_rng_state().equal(after_first_pass)

    held, *rows = make_noisy()
    torch.manual_seed(1)
    chunks = zip(*(tensor.split([4, 3, 3]) for tensor in rows), strict=True)
    expected = loss_of([held(*chunk) for chunk in chunks])
    expected.backward()
    torch.testing.assert_close(loss, expected)
    for parameter, other in zip(module.parameters(), held.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad)
    for statistic, other in zip(module.buffers(), held.buffers(), strict=True):
        assert statistic.equal(other)  # counted once, not twice
    assert module.layers[1].momentum == 0.1


def test_only_one_chunk_is_held_at_a_time():
    held, most = 0, 0

    class Held(torch.autograd.Function):
        """Counts what is saved for backward passes still to come."""

        @staticmethod
        def forward(ctx, rows):
            ctx.save_for_backward(rows.clone())
            return rows.clone()

        @staticmethod
        def backward(ctx, gradient):
            nonlocal held
            (rows,) = ctx.saved_tensors
            held -= len(rows)
            return gradient

    def function(rows):
        nonlocal held, most
        held += len(rows)
        most = max(most, held)
        return Held.apply(rows)

    rows = torch.randn(12, 4, requires_grad=True)
    parts = in_chunks(function, [rows], 3, nn.Identity())
    held = most = 0  # the first pass keeps nothing
    loss_of(parts).backward()
    assert most == 3


@pytest.mark.parametrize(("rows", "size", "chunks"), [(5, 5, [5]), (5, 2, [2, 2, 1]), (2, 9, [2])])
def test_chunks_are_equal_and_no_larger_than_asked(rows, size, chunks):
    parts = in_chunks(lambda x: x, [torch.arange(rows)], size, nn.Identity())
    assert [len(part) for part in parts] == chunks

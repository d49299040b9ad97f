import itertools

import numpy as np
import pytest
import torch

from contravox.objectives.positives import (
    over_blocks,
    positive_blocks,
    positive_shares,
)


@pytest.mark.parametrize("most", [1, 5, 9, 18, 1000])
def test_blocks_hold_every_positive_pair_once(most):
    labels = torch.tensor([4, 7, 7, 4, 1, 4, 9, 9, 7, 3, 3, 3, 3])
    found = []
    for anchors, contrasts in positive_blocks(labels, most):
        assert anchors.numel() * contrasts.shape[1] <= most or anchors.numel() == 1
        for row, column in zip(anchors, contrasts, strict=True):
            found += [(i, j) for i in row.tolist() for j in column.tolist() if i != j]
    pairs = itertools.permutations(range(len(labels)), 2)
    assert sorted(found) == [(i, j) for i, j in pairs if labels[i] == labels[j]]


def test_no_positive_pair_makes_no_block():
    assert positive_blocks(torch.tensor([3, 1, 2]), most=9) == []


def test_blocks_too_many_to_hold_are_computed_again_to_the_same_gradient(vectors):
    labels = torch.tensor([0, 1, 1, 0, 0, 2, 2])
    gradients = []
    for most in (2, 1000):
        x = vectors(7, 3).requires_grad_()
        calls = []

        def losses(anchors, contrasts, x=x, calls=calls):
            calls.append(anchors)
            return (x[anchors] @ x[contrasts].transpose(1, 2)).exp().sum(dim=2)

        blocks = positive_blocks(labels, most)
        over_blocks(losses, blocks, most).mul(torch.arange(1, 8)).sum().backward()
        assert len(calls) == (2 * len(blocks) if most == 2 else len(blocks))
        order = torch.cat([anchors.flatten() for anchors, _ in blocks])
        assert sorted(order.tolist()) == list(range(7))
        gradients.append((order, x.grad))
    assert gradients[0][0].tolist() == gradients[1][0].tolist()
    torch.testing.assert_close(gradients[0][1], gradients[1][1])


def test_shares_tell_other_utterances_from_other_places_in_one():
    labels = torch.tensor([5, 1, 5, 5, 2, -3, 2])
    utterances = torch.tensor([0, 1, 0, 2, 3, 4, 3])
    assert positive_shares(labels, utterances) == pytest.approx((3 / 7, 2 / 7))
    assert positive_shares(labels, torch.arange(7)) == pytest.approx((5 / 7, 0))
    assert positive_shares(torch.tensor([0, 1]), torch.tensor([0, 1])) == (0, 0)
    assert positive_shares(torch.tensor([4, 4]), torch.tensor([9, 9])) == (0, 1)


def test_shares_as_counted_pair_by_pair():
    generator = np.random.default_rng(0)
    for _ in range(20):
        utterances = generator.integers(8, size=12)
        labels = utterances % generator.integers(1, 9)
        another = same = 0
        for anchor in range(12):
            others = [i for i in range(12) if i != anchor and labels[i] == labels[anchor]]
            apart = [i for i in others if utterances[i] != utterances[anchor]]
            another += bool(apart)
            same += bool(others and not apart)
        shares = positive_shares(torch.from_numpy(labels), torch.from_numpy(utterances))
        assert shares == pytest.approx((another / 12, same / 12))

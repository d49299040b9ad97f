import torch

from contravox.objectives.positives import mean_over_anchors, positive_pairs, positive_share


def test_pairs():
    expected = [[False, False, True], [False, False, False], [True, False, False]]
    assert positive_pairs(torch.tensor([3, 1, 3])).tolist() == expected


def test_share():
    assert positive_share(torch.tensor([5, 1, 5, 5, 2, -3, 2])).item() == torch.tensor(5 / 7)
    assert positive_share(torch.tensor([0, 1])).item() == 0
    assert positive_share(torch.tensor([4, 4])).item() == 1


def test_mean_counts_anchors_only():
    losses = torch.tensor([1.0, 100.0, 4.0], requires_grad=True)
    mean = mean_over_anchors(losses, torch.tensor([True, False, True]))
    mean.backward()
    assert mean.item() == 2.5
    assert losses.grad.tolist() == [0.5, 0, 0.5]

import pytest
import torch

from contravox.objectives.checks import check_classes, check_finite, check_prototypes


@pytest.mark.parametrize("labels", [[0, 4], [-1, 0]])
def test_refuses_labels_that_are_no_row(labels):
    with pytest.raises(ValueError, match=r"labels: from .* weights of shape \(4, 3\)"):
        check_classes(torch.tensor(labels), "weights", torch.ones(4, 3))


def test_refuses_prototypes_that_are_not_finite():
    prototypes = torch.ones(4, 2, 3)
    prototypes[1, 1, 0] = torch.inf
    with pytest.raises(ValueError, match=r"prototypes: .*\(4, 2, 3\) are not finite"):
        check_prototypes(torch.ones(2, 3), torch.tensor([0, 1]), prototypes)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (torch.tensor([[1.0, 2], [torch.nan, 0]]), r"x: 1 vectors of shape \(2, 2\) .* first at 1"),
        (torch.tensor([[[1.0, 2], [0, torch.inf]]]), r"x: 1 vectors .* first at \(0, 1\)"),
        # Together they are not finite, and each by itself is not either.
        (torch.tensor([[torch.inf], [-torch.inf]]), "x: 2 vectors"),
        (torch.tensor([1.0, torch.nan]), r"x: 1 numbers of shape \(2,\) .* first at 1"),
    ],
)
def test_numbers_that_are_not_finite_are_counted_and_the_first_is_named(vectors, message):
    with pytest.raises(ValueError, match=message):
        check_finite("x", vectors)


def test_large_numbers_whose_sum_overflows_are_finite():
    check_finite("x", torch.full((3, 4), 6e4, dtype=torch.float16))

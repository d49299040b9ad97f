import pytest
import torch

from contravox.errors import RecipeError
from contravox.objectives import Segments


def test_orders_by_label_then_view():
    labels = torch.tensor([9, -1, 9, -1, 4, 4])
    views = torch.tensor([1, 0, 0, 1, 1, 0])
    embeddings = torch.arange(6.0)[:, None].repeat(1, 2)
    grouped = Segments(embeddings, labels, views).by_view()
    assert grouped.shape == (3, 2, 2)
    assert grouped[..., 0].tolist() == [[1, 3], [5, 4], [2, 0]]


def test_gradient_reaches_every_segment():
    embeddings = torch.ones(4, 3, requires_grad=True)
    grouped = Segments(embeddings, torch.tensor([1, 0, 0, 1]), torch.tensor([0, 1, 0, 1])).by_view()
    (grouped * torch.arange(4.0).reshape(2, 2, 1)).sum().backward()
    assert embeddings.grad[:, 0].tolist() == [2, 1, 0, 3]


def test_refuses_unequal_numbers_of_segments():
    labels, views = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 0])
    with pytest.raises(RecipeError, match="has 1 of one and 2 of another: use a sampler"):
        Segments(torch.ones(3, 2), labels, views).by_view()


@pytest.mark.parametrize(
    ("least", "most", "message"),
    [(3, None, "at least 3 segments .* has 2"), (1, 1, "needs 1 segments .* has 2")],
)
def test_refuses_too_few_and_too_many(least, most, message):
    labels, views = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    with pytest.raises(RecipeError, match=message):
        Segments(torch.ones(4, 2), labels, views).by_view(least=least, most=most)


def test_one_process_alone_has_the_segments_of_all():
    segments = Segments(torch.ones(2, 3), torch.tensor([0, 1]), torch.tensor([0, 0]))
    assert segments.gathered().embeddings is segments.embeddings

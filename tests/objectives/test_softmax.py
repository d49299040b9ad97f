import math

import pytest
import torch

from contravox.objectives.objective import Site
from contravox.objectives.segments import Segments
from contravox.objectives.softmax import SoftmaxSettings, softmax_loss

LABELS = torch.tensor([0, 3, 3, 1, 2, 0])


def test_equals_the_slow_version(vectors):
    embeddings, weights, bias = vectors(6, 5), vectors(4, 5, seed=1), vectors(4, seed=2)
    total = 0.0
    for embedding, label in zip(embeddings.tolist(), LABELS.tolist(), strict=True):
        logits = [
            sum(z * w for z, w in zip(embedding, row, strict=True)) + b
            for row, b in zip(weights.tolist(), bias.tolist(), strict=True)
        ]
        total -= logits[label] - math.log(sum(math.exp(logit) for logit in logits))
    value = softmax_loss(embeddings, LABELS, weights, bias)
    assert value.item() == pytest.approx(total / 6, rel=1e-6)


def test_lengths_count_and_order_does_not(vectors):
    embeddings, weights, bias = vectors(6, 5), vectors(4, 5, seed=1), vectors(4, seed=2)
    value = softmax_loss(embeddings, LABELS, weights, bias)
    order = torch.tensor([4, 1, 5, 0, 3, 2])
    torch.testing.assert_close(softmax_loss(embeddings[order], LABELS[order], weights, bias), value)
    assert abs(softmax_loss(2 * embeddings, LABELS, weights, bias) - value) > 0.1


def test_labels_of_any_integer_type(vectors):
    embeddings, weights, bias = vectors(6, 5), vectors(4, 5, seed=1), vectors(4, seed=2)
    value = softmax_loss(embeddings, LABELS.to(torch.int32), weights, bias)
    assert value == softmax_loss(embeddings, LABELS, weights, bias)


def test_gradient(vectors):
    arguments = vectors(6, 5), vectors(4, 5, seed=1), vectors(4, seed=2)
    for argument in arguments:
        argument.requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w, b: softmax_loss(x, LABELS, w, b), arguments)


@pytest.mark.parametrize(
    ("labels", "weights", "bias", "named"),
    [
        ([0, 4], (4, 3), (4,), r"labels: .*weights of shape \(4, 3\)"),
        ([-1, 0], (4, 3), (4,), r"labels: .*weights of shape \(4, 3\)"),
        ([0, 1, 2], (4, 3), (4,), r"labels: .*\(3,\)"),
        ([0, 1], (4, 2), (4,), r"weights: .*\(4, 2\)"),
        ([0, 1], (4, 2, 3), (4,), r"weights: .*\(4, 2, 3\)"),
        ([0, 1], (4, 3), (3,), r"bias: .*\(3,\)"),
        ([0, 1], (4, 3), (4, 1), r"bias: .*\(4, 1\)"),
    ],
)
def test_refuses_wrong_arguments_by_name_and_shape(labels, weights, bias, named):
    with pytest.raises(ValueError, match=named):
        softmax_loss(torch.ones(2, 3), torch.tensor(labels), torch.ones(weights), torch.ones(bias))


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_refuses_numbers_that_are_not_finite(broken):
    arguments = [torch.ones(2, 3), torch.ones(4, 3), torch.ones(4)]
    arguments[broken].view(-1)[1] = math.nan
    embeddings, weights, bias = arguments
    with pytest.raises(ValueError, match=("embeddings", "weights", "bias")[broken]):
        softmax_loss(embeddings, torch.tensor([0, 1]), weights, bias)


def test_module(vectors):
    module = SoftmaxSettings().build(Site(5, (), 4))
    assert module.bias.tolist() == [0, 0, 0, 0]
    with torch.no_grad():
        module.bias.copy_(torch.arange(4))
    segments = Segments(vectors(6, 5).float(), LABELS, torch.zeros(6))
    expected = softmax_loss(segments.embeddings, LABELS, module.prototypes, module.bias)
    torch.testing.assert_close(module(segments), expected)
    assert dict(module.named_parameters()).keys() == {"prototypes", "bias"}

import math

import pytest
import torch

from contravox.objectives.class_attention import class_attention

LABELS = torch.tensor([0, 3, 3, 1, 2, 0])


@pytest.mark.parametrize("sigma", [1.0, 0.18])
def test_equals_the_slow_version(sigma, vectors, cosine):
    embeddings, prototypes = vectors(6, 5), vectors(4, 5, seed=1)
    attention = class_attention(embeddings, LABELS, prototypes, sigma=sigma)
    for i, label in enumerate(LABELS.tolist()):
        terms = [math.exp(cosine(embeddings[i], prototype) / sigma) for prototype in prototypes]
        assert attention[i].item() == pytest.approx(terms[label] / sum(terms), rel=1e-6)


def test_own_prototype_gets_most_and_the_opposite_least():
    embeddings = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    prototypes = torch.tensor([[2.0, 0.0], [-2.0, 0.0]])
    attention = class_attention(embeddings, torch.tensor([0, 0, 0]), prototypes)
    expected = [1 / (1 + math.exp(-2)), 0.5, 1 / (1 + math.exp(2))]
    torch.testing.assert_close(attention, torch.tensor(expected))


def test_is_differentiated_only_when_asked(vectors):
    embeddings, prototypes = vectors(6, 5).requires_grad_(), vectors(4, 5).requires_grad_()
    assert not class_attention(embeddings, LABELS, prototypes).requires_grad
    assert torch.autograd.gradcheck(
        lambda x, w: class_attention(x, LABELS, w, differentiate=True), (embeddings, prototypes)
    )


def test_refuses_wrong_arguments():
    with pytest.raises(ValueError, match="sigma"):
        class_attention(torch.ones(1, 2), torch.tensor([0]), torch.ones(1, 2), sigma=0.0)
    with pytest.raises(ValueError, match=r"labels: .*\(1, 2\)"):
        class_attention(torch.ones(1, 2), torch.tensor([1]), torch.ones(1, 2))

import math

import pytest
import torch

from contravox.objectives.objective import Site
from contravox.objectives.sphereface2 import SphereFace2Settings, sphereface2_loss

LABELS = torch.tensor([0, 3, 3, 1, 2, 0])


def slow_loss(embeddings, labels, prototypes, cosine, *, s, m, t, weight, b):
    """The papers' sum, term by term."""
    total = 0.0
    for embedding, label in zip(embeddings, labels.tolist(), strict=True):
        for k, prototype in enumerate(prototypes):
            g = 2 * ((cosine(embedding, prototype) + 1) / 2) ** t - 1
            if k == label:
                total += weight * math.log(1 + math.exp(-(s * (g - m) + b)))
            else:
                total += (1 - weight) * math.log(1 + math.exp(s * (g + m) + b))
    return total / len(labels)


@pytest.mark.parametrize("t", [1.0, 3.0, 2.5])
@pytest.mark.parametrize(("m", "weight", "b"), [(0.0, 0.5, 0.0), (0.2, 0.7, -3.0)])
def test_loss_equals_the_slow_version(t, m, weight, b, vectors, cosine):
    embeddings, prototypes = vectors(6, 5), vectors(4, 5, seed=1)
    expected = slow_loss(
        embeddings, LABELS, prototypes, cosine, s=8.0, m=m, t=t, weight=weight, b=b
    )
    value = sphereface2_loss(
        embeddings,
        LABELS,
        prototypes,
        bias=torch.tensor(b),
        margin=m,
        scale=8.0,
        positive_weight=weight,
        exponent=t,
    )
    assert value.item() == pytest.approx(expected, rel=1e-6)


def test_by_hand():
    # On its own prototype g = 1, on a right angle to the others g = 2/8 − 1 = −3/4.
    eye = torch.eye(3)
    value = sphereface2_loss(eye, torch.arange(3), eye, scale=4.0, margin=0.25)
    own, others = math.log(1 + math.exp(-3)), 2 * math.log(1 + math.exp(-2))
    assert value.item() == pytest.approx(0.7 * own + 0.3 * others, rel=1e-6)


def test_gradient(vectors):
    arguments = [
        vectors(6, 5).requires_grad_(),
        vectors(4, 5, seed=1).requires_grad_(),
        torch.tensor(0.3, dtype=torch.float64, requires_grad=True),
    ]
    assert torch.autograd.gradcheck(
        lambda x, w, b: sphereface2_loss(x, LABELS, w, bias=b, scale=5.0), arguments
    )


def test_far_ends_stay_finite_and_others_are_heard_beside_their_own():
    # Opposite to its own prototype, in the place of another: eˣ would overflow, g is at its ends.
    embeddings = torch.tensor([[1.0, 0.0]], requires_grad=True)
    prototypes = torch.tensor([[-1.0, 1e-4], [1.0, 1e-4]], requires_grad=True)
    loss = sphereface2_loss(embeddings, torch.tensor([0]), prototypes, scale=1000.0)
    loss.backward()
    assert loss.item() == pytest.approx(0.7 * 1200 + 0.3 * 1200, rel=1e-5)
    assert embeddings.grad.isfinite().all()
    assert prototypes.grad.isfinite().all()
    # Its own answer alone is 2.4e7 times that of the other, less than float32 tells apart in a sum.
    embeddings, prototypes = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    labels = torch.tensor([0])
    value = sphereface2_loss(embeddings, labels, prototypes, positive_weight=0.0, margin=0.2)
    assert value.item() == pytest.approx(math.log1p(math.exp(32 * -0.55)), rel=1e-4)


def test_the_bias_is_trained_and_others_questions_too(segments_of, vectors):
    objective = SphereFace2Settings().build(Site(embedding_size=5, map_channels=[], classes=4))
    segments = segments_of(vectors(6, 5).float(), LABELS.tolist())
    objective(segments).backward()
    assert set(dict(objective.named_parameters())) == {"prototypes", "bias"}
    assert objective.bias.grad != 0
    assert (objective.prototypes.grad.abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"exponent": 0.5}, "exponent: 1 or more"),
        ({"positive_weight": 1.5}, "positive_weight: from 0 to 1"),
        ({"scale": 0.0}, "scale"),
        ({"margin": -0.1}, "margin"),
    ],
)
def test_refuses(settings, message, vectors):
    with pytest.raises(ValueError, match=message):
        sphereface2_loss(vectors(6, 5), LABELS, vectors(4, 5), **settings)

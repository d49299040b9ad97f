import math

import pytest
import torch
from pytorch_metric_learning.losses import NTXentLoss

from contravox.encoders.encoder import EncoderOutput
from contravox.objectives.nt_xent import NtXent, NtXentSettings, nt_xent_loss
from contravox.objectives.supcon import supcon_loss

LABELS = torch.tensor([7, -2, 7, 4, 4, 7, 9, -2])


def test_equals_the_slow_version(vectors, cosine):
    embeddings, labels = vectors(8, 5), LABELS.tolist()
    losses = []
    for i in range(8):
        terms = [math.exp(cosine(embeddings[i], other) / 0.07) for other in embeddings]
        negatives = sum(terms[a] for a in range(8) if labels[a] != labels[i])
        losses += [
            -math.log(terms[p] / (terms[p] + negatives))
            for p in range(8)
            if p != i and labels[p] == labels[i]
        ]
    value = nt_xent_loss(embeddings, LABELS, temperature=0.07)
    assert value.item() == pytest.approx(sum(losses) / len(losses), rel=1e-6)


def test_equals_pytorch_metric_learning(vectors):
    embeddings = vectors(8, 5)
    expected = NTXentLoss(temperature=0.3)(embeddings, LABELS).item()
    value = nt_xent_loss(embeddings, LABELS, temperature=0.3).item()
    assert value == pytest.approx(expected, rel=1e-6)


def test_two_of_every_label_is_supcon(vectors):
    embeddings, labels = vectors(8, 5), torch.tensor([3, 1, 2, 0, 0, 1, 2, 3])
    torch.testing.assert_close(nt_xent_loss(embeddings, labels), supcon_loss(embeddings, labels))


def test_gradient(vectors):
    embeddings = vectors(8, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: nt_xent_loss(x, LABELS, temperature=0.5), embeddings)


@pytest.mark.parametrize("labels", [[0, 1, 2], [5, 5, 5]])
def test_without_positives_or_without_negatives_it_is_zero(labels, vectors):
    embeddings = vectors(3, 4).requires_grad_()
    loss = nt_xent_loss(embeddings, torch.tensor(labels))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(embeddings.grad, torch.zeros(3, 4, dtype=torch.float64))


def test_module(vectors, batch_of):
    output, batch = EncoderOutput(vectors(8, 5), ()), batch_of(LABELS.tolist())
    module, other = NtXent(NtXentSettings(temperature=0.2)), vectors(8, 3, seed=1)
    expected = nt_xent_loss(output.embedding, LABELS, temperature=0.2)
    torch.testing.assert_close(module(output, batch), expected)
    expected = nt_xent_loss(other, LABELS, temperature=0.2)
    torch.testing.assert_close(module(output, batch, other), expected)

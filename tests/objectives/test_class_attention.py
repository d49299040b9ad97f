import math

import pytest
import torch

from contravox.objectives.class_attention import attention_means, class_attention

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
    attention = class_attention(embeddings, torch.tensor([0, 0, 0]), prototypes, sigma=1.0)
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


@pytest.mark.parametrize("tile", [1, 3, 6])
def test_means_are_those_over_the_negatives(tile, vectors):
    attention = vectors(6).sigmoid()
    means = attention_means(attention, LABELS, tile)
    for i, label in enumerate(LABELS.tolist()):
        pairs = [
            min(attention[i].item(), attention[j].item())
            for j, other in enumerate(LABELS.tolist())
            if other != label
        ]
        assert means[i].item() == pytest.approx(sum(pairs) / len(pairs), rel=1e-9)
    assert torch.autograd.gradcheck(
        lambda a: attention_means(a, LABELS, tile), attention.requires_grad_()
    )


def test_the_mean_without_a_negative_is_one():
    assert attention_means(torch.tensor([0.1, 0.4]), torch.tensor([5, 5]), 2).tolist() == [1, 1]


def easy_and_hard(speakers, vectors):
    """Unit class vectors, and segments: an anchor, 60 easy negatives and 4 hard ones.

    Easy ones are at cosine 0.7 to their own speaker; hard ones at equal cosines to theirs and to
    the anchor's.
    """
    prototypes = torch.nn.functional.normalize(vectors(speakers, 192))
    labels = 1 + torch.arange(64) % (speakers - 1)
    labels[0] = 0
    noise = torch.nn.functional.normalize(vectors(64, 192, seed=1))
    segments = 0.7 * prototypes[labels] + math.sqrt(1 - 0.7**2) * noise
    segments[60:] = 0.5 * (prototypes[labels[60:]] + prototypes[0]) + math.sqrt(0.5) * noise[60:]
    return segments, labels, prototypes


@pytest.mark.parametrize(("sigma", "least"), [(0.1, 1.5), (0.18, 2), (0.3, 1.5), (1.0, 1.1)])
def test_hard_negatives_count_less_whatever_the_number_of_speakers(sigma, least, vectors):
    ratios = []
    for speakers in (55, 1211, 2793):
        segments, labels, prototypes = easy_and_hard(speakers, vectors)
        attention = class_attention(segments, labels, prototypes, sigma=sigma)
        means = attention_means(attention, labels, 64)
        weights = torch.minimum(attention[0], attention[1:]) / means[0]
        # They are weighed against each other, not all of them away.
        assert weights.mean().item() == pytest.approx(1)
        ratios.append((weights[:59].mean() / weights[59:].mean()).item())
        assert ratios[-1] > least
    assert max(ratios) < 4 * min(ratios)


def test_absolute_attention_leaves_next_to_nothing_of_thousands_of_speakers(vectors):
    segments, labels, prototypes = easy_and_hard(2793, vectors)
    attention = class_attention(segments, labels, prototypes, sigma=1.0)
    assert torch.minimum(attention[0], attention[1:]).mean() < 1e-3

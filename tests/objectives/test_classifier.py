import pytest
import torch

from contravox.objectives.classifier import Classifier, ClassifierSettings, class_logits
from contravox.objectives.objective import Site


def test_logits_are_scaled_cosines_of_the_nearest_sub_centre(vectors, cosine):
    embeddings, prototypes = vectors(6, 5), vectors(4, 3, 5, seed=1)
    logits = class_logits(embeddings, prototypes, 7.0)
    assert logits.shape == (6, 4)
    for i, embedding in enumerate(embeddings):
        for k, centres in enumerate(prototypes):
            nearest = max(cosine(embedding, centre) for centre in centres)
            assert logits[i, k].item() == pytest.approx(7 * nearest, rel=1e-9)


def test_one_sub_centre_is_none(vectors):
    embeddings, prototypes = vectors(6, 5), vectors(4, 5, seed=1)
    plain = class_logits(embeddings, prototypes, 7.0)
    torch.testing.assert_close(class_logits(embeddings, prototypes[:, None], 7.0), plain)
    assert Classifier(ClassifierSettings(name="any"), Site(5, (), 4)).prototypes.shape == (4, 5)


def test_only_the_nearest_sub_centre_gets_a_gradient():
    prototypes = torch.tensor([[[1.0, 0.2], [0.0, 1.0]], [[-1.0, 0.1], [0.1, -1.0]]])
    prototypes.requires_grad_()
    class_logits(torch.tensor([[1.0, 0.0]]), prototypes, 1.0).sum().backward()
    moved = prototypes.grad.abs().sum(dim=2) > 0
    assert moved.tolist() == [[True, False], [False, True]]


def test_starts_alike_with_and_without_sub_centres():
    torch.manual_seed(0)
    settings = ClassifierSettings(name="any")
    many = Classifier(settings, Site(192, (), 400), sub_centres=3).prototypes
    one = Classifier(settings, Site(192, (), 1200)).prototypes
    assert many.std().item() == pytest.approx(one.std().item(), rel=0.02)

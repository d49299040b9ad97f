import pytest
import torch

from contravox.errors import RecipeError
from contravox.objectives.distillation import (
    DistillationSettings,
    embedding_distillation_loss,
    similarity_distillation_loss,
)
from contravox.objectives.objective import Site


def test_embeddings_equal_the_slow_version(vectors, cosine):
    predictions, targets = vectors(5, 3), vectors(5, 3, seed=1)
    expected = sum(1 - cosine(p, t) for p, t in zip(predictions, targets, strict=True)) / 5
    value = embedding_distillation_loss(predictions, targets).item()
    assert value == pytest.approx(expected, rel=1e-9)


def test_similarities_equal_the_slow_version(vectors, cosine):
    embeddings, targets = vectors(4, 3), vectors(4, 6, seed=1)
    squares = [
        (cosine(embeddings[i], embeddings[j]) - cosine(targets[i], targets[j])) ** 2
        for i in range(4)
        for j in range(4)
        if i != j
    ]
    value = similarity_distillation_loss(embeddings, targets).item()
    assert value == pytest.approx(sum(squares) / 12, rel=1e-9)


def test_by_hand():
    # The first points as its target does, the second the other way, the third across.
    predictions = torch.tensor([[2.0, 0.0], [0.0, -1.0], [1.0, 0.0]])
    targets = torch.tensor([[1.0, 0.0], [0.0, 3.0], [0.0, 1.0]])
    assert embedding_distillation_loss(predictions, targets).item() == pytest.approx(1.0)
    # One pair, at cosine 1 where the teacher has 0.
    pair = torch.tensor([[1.0, 0.0], [5.0, 0.0]])
    assert similarity_distillation_loss(pair, targets[:2]).item() == pytest.approx(1.0)


def test_a_student_that_agrees_has_nothing_left_to_learn(vectors):
    targets = vectors(6, 4)
    assert embedding_distillation_loss(3 * targets, targets).item() == pytest.approx(0, abs=1e-12)
    # Turned and longer, the teacher's embeddings have the same similarities.
    turn = torch.linalg.qr(vectors(4, 4, seed=1))[0]
    assert similarity_distillation_loss(2 * targets @ turn, targets).item() == pytest.approx(
        0, abs=1e-12
    )


@pytest.mark.parametrize("loss", [embedding_distillation_loss, similarity_distillation_loss])
def test_gradient(loss, vectors):
    embeddings, targets = vectors(4, 3).requires_grad_(), vectors(4, 3, seed=1)
    assert torch.autograd.gradcheck(lambda x: loss(x, targets), embeddings)


def test_one_segment_has_no_pair(vectors):
    embeddings = vectors(1, 3).requires_grad_()
    loss = similarity_distillation_loss(embeddings, vectors(1, 2))
    loss.backward()
    assert loss.item() == 0
    assert not embeddings.grad.any()


def test_refuses_wrong_arguments(vectors):
    with pytest.raises(ValueError, match=r"targets: \(4, 3\) expected .* got \(4, 2\)"):
        embedding_distillation_loss(vectors(4, 3), vectors(4, 2))
    for loss in (embedding_distillation_loss, similarity_distillation_loss):
        with pytest.raises(ValueError, match="targets: 4 rows expected, got 3"):
            loss(vectors(4, 3), vectors(3, 3))
        with pytest.raises(ValueError, match=r"targets: \(N, d\) .* got \(4,\)"):
            loss(vectors(4, 3), vectors(4))
        with pytest.raises(ValueError, match=r"targets: 4 vectors .* not finite"):
            loss(vectors(4, 3), vectors(4, 3) / 0)


def test_the_objective_looks_through_a_layer_of_its_own(vectors, segments_of):
    site = Site(5, (), 3, target_size=7)
    segments = segments_of(vectors(6, 5).float(), [0, 1, 2, 2, 1, 0])
    segments = segments._replace(targets=vectors(6, 7, seed=1).float())
    objective = DistillationSettings().build(site)
    layer = objective.projection
    predictions = segments.embeddings @ layer.weight.T + layer.bias
    expected = embedding_distillation_loss(predictions, segments.targets)
    torch.testing.assert_close(objective(segments), expected)
    assert objective.per_segment


def test_embeddings_as_long_as_the_teachers_are_compared_as_they_are_at_first(vectors, segments_of):
    segments = segments_of(vectors(6, 5).float(), [0, 1, 2, 2, 1, 0])
    segments = segments._replace(targets=vectors(6, 5, seed=1).float())
    objective = DistillationSettings().build(Site(5, (), 3, target_size=5))
    expected = embedding_distillation_loss(segments.embeddings, segments.targets)
    torch.testing.assert_close(objective(segments), expected)


def test_the_objective_on_similarities_has_nothing_to_train(vectors, segments_of):
    objective = DistillationSettings(match="similarities").build(Site(5, (), 3, target_size=7))
    segments = segments_of(vectors(4, 5).float(), [0, 1, 1, 0])
    segments = segments._replace(targets=vectors(4, 7, seed=1).float())
    expected = similarity_distillation_loss(segments.embeddings, segments.targets)
    torch.testing.assert_close(objective(segments), expected)
    assert not list(objective.parameters())
    assert not objective.per_segment


def test_it_needs_a_teacher(vectors, segments_of):
    with pytest.raises(RecipeError, match=r"set data\.teacher"):
        DistillationSettings().build(Site(5, (), 3))
    objective = DistillationSettings().build(Site(5, (), 3, target_size=7))
    with pytest.raises(RecipeError, match=r"set data\.teacher"):
        objective(segments_of(vectors(4, 5).float(), [0, 1, 1, 0]))

"""AAM-softmax and AM-softmax, which differ only in their margin."""

import math

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import ArcFaceLoss, CosFaceLoss

from contravox.errors import RecipeError
from contravox.objectives.margin_softmax import (
    AamSoftmaxSettings,
    AmSoftmaxSettings,
    aam_softmax_loss,
    am_softmax_loss,
)
from contravox.objectives.objective import Site
from contravox.objectives.segments import Segments

LABELS = torch.tensor([0, 3, 3, 1, 2, 0])
SITE = Site(5, (), 4)
LOSSES = [aam_softmax_loss, am_softmax_loss]


def moved_cosine(loss, cosine, margin):
    """The cosine with a margin added; a negative margin is one taken away."""
    if loss is am_softmax_loss:
        return cosine - margin
    angle = math.acos(cosine) + margin
    within = 0 <= angle <= math.pi
    return math.cos(angle) if within else cosine - margin * math.sin(abs(margin))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shape", [(7, 5), (7, 3, 5)], ids=["one centre", "three sub-centres"])
@pytest.mark.parametrize("hard_negatives", [0, 2, 6])
@pytest.mark.parametrize(("margin", "scale"), [(0.2, 30.0), (0.5, 5.0), (0.0, 10.0)])
def test_equals_the_slow_version(loss, shape, hard_negatives, margin, scale, vectors, cosine):
    embeddings, prototypes = vectors(6, 5), vectors(*shape, seed=1)
    total = 0.0
    for embedding, label in zip(embeddings, LABELS.tolist(), strict=True):
        cosines = [
            max(cosine(embedding, centre) for centre in centres.reshape(-1, 5))
            for centres in prototypes
        ]
        others = sorted(set(range(7)) - {label}, key=lambda k: cosines[k])
        for k in others[6 - hard_negatives :]:
            cosines[k] = moved_cosine(loss, cosines[k], -0.1)
        cosines[label] = moved_cosine(loss, cosines[label], margin)
        log_sum = math.log(sum(math.exp(scale * each) for each in cosines))
        total += log_sum - scale * cosines[label]
    value = loss(
        embeddings,
        LABELS,
        prototypes,
        margin=margin,
        scale=scale,
        hard_negatives=hard_negatives,
        hard_negative_margin=0.1,
    )
    assert value.item() == pytest.approx(total / 6, rel=1e-6)


def test_aam_softmax_equals_pytorch_metric_learning(vectors):
    embeddings, prototypes = vectors(6, 5), vectors(4, 5, seed=1)
    # Its margin is in degrees, its class vectors are columns.
    reference = ArcFaceLoss(4, 5, margin=math.degrees(0.2), scale=30)
    reference.W.data = prototypes.T.clone()
    value = aam_softmax_loss(embeddings, LABELS, prototypes, margin=0.2, scale=30)
    assert value.item() == pytest.approx(reference(embeddings, LABELS).item(), rel=1e-6)


def test_am_softmax_equals_pytorch_metric_learning(vectors):
    embeddings, prototypes = vectors(6, 5), vectors(4, 5, seed=1)
    reference = CosFaceLoss(4, 5, margin=0.35, scale=20)
    reference.W.data = prototypes.T.clone()
    value = am_softmax_loss(embeddings, LABELS, prototypes, margin=0.35, scale=20)
    assert value.item() == pytest.approx(reference(embeddings, LABELS).item(), rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_no_margin_is_the_softmax_of_cosines(loss, vectors):
    embeddings, prototypes = vectors(6, 5), vectors(4, 5, seed=1)
    cosines = F.cosine_similarity(embeddings[:, None], prototypes, dim=2)
    value = loss(embeddings, LABELS, prototypes, margin=0.0, scale=7.0)
    torch.testing.assert_close(value, F.cross_entropy(7 * cosines, LABELS))


@pytest.mark.parametrize("loss", LOSSES)
def test_lengths_and_order_do_not_count(loss, vectors):
    embeddings, prototypes = vectors(6, 5), vectors(4, 5, seed=1)
    value = loss(embeddings, LABELS, prototypes)
    longer, shorter = embeddings.clone(), prototypes.clone()
    longer[2] *= 1e5
    shorter[1] *= 1e-5
    torch.testing.assert_close(loss(longer, LABELS, shorter), value)
    order = torch.tensor([4, 1, 5, 0, 3, 2])
    torch.testing.assert_close(loss(embeddings[order], LABELS[order], prototypes), value)


@pytest.mark.parametrize("loss", LOSSES)
def test_hard_negatives_by_hand(loss):
    # Cosines 1, 0.6, 0 and −1 with prototypes of a plane; the own class is the third.
    embedding = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    prototypes = torch.tensor([[2.0, 0], [0.6, 0.8], [0, 3], [-1, 0]], dtype=torch.float64)
    value = loss(
        embedding,
        torch.tensor([2]),
        prototypes,
        margin=0.0,
        scale=1.0,
        hard_negatives=2,
        hard_negative_margin=0.1,
    )
    if loss is aam_softmax_loss:
        # Within the margin of its prototype the cosine goes on as cos θ + m·sin m.
        moved = [1 + 0.1 * math.sin(0.1), 0.6 * math.cos(0.1) + 0.8 * math.sin(0.1)]
    else:
        moved = [1.1, 0.7]
    expected = math.log(sum(math.exp(each) for each in [*moved, 0, -1]))
    assert value.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_hard_negative_margin_of_zero_and_one_sub_centre_change_nothing(loss, vectors):
    embeddings, prototypes = vectors(6, 5), vectors(7, 5, seed=1)
    value = loss(embeddings, LABELS, prototypes)
    options = {"hard_negatives": 3, "hard_negative_margin": 0.0}
    torch.testing.assert_close(loss(embeddings, LABELS, prototypes, **options), value)
    torch.testing.assert_close(loss(embeddings, LABELS, prototypes[:, None]), value)
    repeated = prototypes[:, None].expand(7, 3, 5)
    torch.testing.assert_close(loss(embeddings, LABELS, repeated), value)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shape", [(4, 5), (4, 3, 5)], ids=["one centre", "three sub-centres"])
@pytest.mark.parametrize("hard_negatives", [0, 2])
def test_gradient(loss, shape, hard_negatives, vectors):
    arguments = vectors(6, 5).requires_grad_(), vectors(*shape, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, w: loss(x, LABELS, w, scale=5.0, hard_negatives=hard_negatives), arguments
    )


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_labels_of_any_integer_type(loss, dtype, vectors):
    embeddings, prototypes = vectors(6, 5), vectors(4, 5, seed=1)
    value = loss(embeddings, LABELS.to(dtype), prototypes, hard_negatives=2)
    assert value == loss(embeddings, LABELS, prototypes, hard_negatives=2)


@pytest.mark.parametrize("loss", LOSSES)
def test_arguments_are_left_as_they_are(loss, vectors):
    embeddings, prototypes = vectors(6, 5), vectors(4, 5, seed=1)
    before = embeddings.clone(), prototypes.clone()
    loss(embeddings, LABELS, prototypes, hard_negatives=2)
    assert torch.equal(embeddings, before[0])
    assert torch.equal(prototypes, before[1])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((torch.ones(2, 3), torch.tensor([0, 4]), torch.ones(4, 3)), r"labels: .*\(4, 3\)"),
        ((torch.ones(2, 3), torch.tensor([-1, 0]), torch.ones(4, 3)), r"labels: .*\(4, 3\)"),
        ((torch.ones(2, 3), torch.tensor([0, 1, 2]), torch.ones(4, 3)), r"labels: .*\(3,\)"),
        ((torch.ones(2, 3), torch.tensor([0.0, 1.0]), torch.ones(4, 3)), "labels: .*float"),
        ((torch.ones(2, 3), torch.tensor([0, 1]), torch.ones(4, 2)), r"prototypes: .*\(4, 2\)"),
        ((torch.ones(3), torch.tensor([0, 1, 2]), torch.ones(4, 3)), r"embeddings: .*\(3,\)"),
        ((torch.ones(2, 3), torch.tensor([0, 4]), torch.ones(4, 2, 3)), r"labels: .*\(4, 2, 3\)"),
        (
            (torch.ones(2, 3), torch.tensor([0, 1]), torch.ones(4, 3, 2)),
            r"prototypes: .*\(4, 3, 2\)",
        ),
        (
            (torch.ones(2, 3), torch.tensor([0, 1]), torch.ones(4, 0, 3)),
            r"prototypes: .*\(4, 0, 3\)",
        ),
        ((torch.ones(2, 3), torch.tensor([0, 1]), torch.ones(3)), r"prototypes: .*\(3,\)"),
        ((torch.ones(2, 3), torch.tensor([0, 1]), torch.ones(4, 2, 1, 3)), r"prototypes: .*2, 1"),
    ],
)
def test_refuses_wrong_arguments_by_name_and_shape(loss, arguments, named):
    with pytest.raises(ValueError, match=named):
        loss(*arguments)


@pytest.mark.parametrize("loss", LOSSES)
def test_refuses_a_scale_that_is_not_positive(loss):
    with pytest.raises(ValueError, match="scale"):
        loss(torch.ones(1, 3), torch.tensor([0]), torch.ones(4, 3), scale=0.0)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("hard_negatives", [-1, 4])
def test_refuses_more_hard_negatives_than_other_classes(loss, hard_negatives):
    arguments = torch.ones(1, 3), torch.tensor([0]), torch.ones(4, 3)
    with pytest.raises(ValueError, match=r"hard_negatives: from 0 to 3 .*\(4, 3\), got"):
        loss(*arguments, hard_negatives=hard_negatives)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ["margin", "hard_negative_margin"])
@pytest.mark.parametrize("margin", [-0.1, math.nan])
def test_refuses_margins_that_make_it_easier(loss, name, margin):
    with pytest.raises(ValueError, match=f"^{name}"):
        loss(torch.ones(1, 3), torch.tensor([0]), torch.ones(4, 3), **{name: margin})


def test_aam_softmax_refuses_margins_beyond_a_right_angle():
    arguments = torch.ones(1, 3), torch.tensor([0]), torch.ones(4, 3)
    for name in ("margin", "hard_negative_margin"):
        with pytest.raises(ValueError, match=f"^{name}"):
            aam_softmax_loss(*arguments, **{name: 1.6})


SETTINGS = {
    "margin": 0.1,
    "scale": 8,
    "sub_centres": 2,
    "hard_negatives": 2,
    "hard_negative_margin": 0.3,
}


@pytest.mark.parametrize(
    ("settings", "loss"),
    [
        (AamSoftmaxSettings(**SETTINGS), aam_softmax_loss),
        (AmSoftmaxSettings(**SETTINGS), am_softmax_loss),
    ],
)
def test_module_uses_its_settings_and_margins_set_later(settings, loss, vectors):
    module = settings.build(SITE)
    segments = Segments(vectors(6, 5).float(), LABELS, torch.zeros(6))
    assert dict(module.named_parameters()).keys() == {"prototypes"}
    assert module.prototypes.shape == (4, 2, 5)
    for share in (1.0, 0.5):
        module.margin_share = share
        expected = loss(
            segments.embeddings,
            LABELS,
            module.prototypes,
            margin=share * 0.1,
            scale=8,
            hard_negatives=2,
            hard_negative_margin=share * 0.3,
        )
        torch.testing.assert_close(module(segments), expected)


@pytest.mark.parametrize(
    ("settings", "loss"),
    [(AamSoftmaxSettings(), aam_softmax_loss), (AmSoftmaxSettings(), am_softmax_loss)],
)
def test_module_is_plain_unless_told(settings, loss, vectors):
    module = settings.build(SITE)
    segments = Segments(vectors(6, 5).float(), LABELS, torch.zeros(6))
    expected = loss(segments.embeddings, LABELS, module.prototypes)
    torch.testing.assert_close(module(segments), expected)
    assert module.prototypes.shape == (4, 5)


def test_recipe_that_asks_for_too_many_hard_negatives():
    with pytest.raises(RecipeError, match=r"hard_negatives: 4 is more than 3, .*: lower it"):
        AamSoftmaxSettings(hard_negatives=4).build(SITE)

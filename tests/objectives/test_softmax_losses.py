"""AAM-softmax and AM-softmax, which differ only in their margin."""

import math

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import ArcFaceLoss, CosFaceLoss

from contravox.encoders.encoder import EncoderOutput
from contravox.objectives.aam_softmax import AamSoftmax, AamSoftmaxSettings, aam_softmax_loss
from contravox.objectives.am_softmax import AmSoftmax, AmSoftmaxSettings, am_softmax_loss

LABELS = torch.tensor([0, 3, 3, 1, 2, 0])
LOSSES = [aam_softmax_loss, am_softmax_loss]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("margin", "scale"), [(0.2, 30.0), (0.5, 5.0), (0.0, 10.0)])
def test_equals_the_slow_version(loss, margin, scale, vectors, cosine):
    embeddings, prototypes = vectors(6, 5), vectors(4, 5, seed=1)
    total = 0.0
    for embedding, label in zip(embeddings, LABELS.tolist(), strict=True):
        logits = [scale * cosine(embedding, prototype) for prototype in prototypes]
        own = logits[label] / scale
        moved = math.cos(math.acos(own) + margin) if loss is aam_softmax_loss else own - margin
        logits[label] = scale * moved
        total -= logits[label] - math.log(sum(math.exp(logit) for logit in logits))
    value = loss(embeddings, LABELS, prototypes, margin=margin, scale=scale)
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
def test_gradient(loss, vectors):
    arguments = vectors(6, 5).requires_grad_(), vectors(4, 5, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w: loss(x, LABELS, w, scale=5.0), arguments)


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
    ],
)
def test_refuses_wrong_arguments_by_name_and_shape(loss, arguments, named):
    with pytest.raises(ValueError, match=named):
        loss(*arguments)


@pytest.mark.parametrize("loss", LOSSES)
def test_refuses_a_scale_that_is_not_positive(loss):
    with pytest.raises(ValueError, match="scale"):
        loss(torch.ones(1, 3), torch.tensor([0]), torch.ones(4, 3), scale=0.0)


@pytest.mark.parametrize(
    ("module", "loss"),
    [
        (AamSoftmax(AamSoftmaxSettings(margin=0.1, scale=8), 5, 4), aam_softmax_loss),
        (AmSoftmax(AmSoftmaxSettings(margin=0.1, scale=8), 5, 4), am_softmax_loss),
    ],
)
def test_module_uses_its_settings_and_a_margin_set_later(module, loss, vectors, batch_of):
    output, batch = EncoderOutput(vectors(6, 5).float(), ()), batch_of(LABELS.tolist())
    for margin in (0.1, 0.3):
        module.margin = margin
        expected = loss(output.embedding, LABELS, module.prototypes, margin=margin, scale=8)
        torch.testing.assert_close(module(output, batch), expected)
    assert dict(module.named_parameters()).keys() == {"prototypes"}
    assert module.prototypes.shape == (4, 5)

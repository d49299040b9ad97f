import copy
import math
import statistics

import pytest
import torch
from pytorch_metric_learning.losses import NormalizedSoftmaxLoss

from contravox.objectives.adacos import (
    AdaCosSettings,
    adacos_loss,
    adacos_scale,
    fixed_adacos_scale,
)
from contravox.objectives.objective import Site
from contravox.objectives.segments import Segments

LABELS = torch.tensor([0, 3, 3, 1, 2, 0])


def slow_scale(embeddings, labels, prototypes, scale, cosine):
    """The paper's dynamic scale, term by term."""
    angles, sums = [], []
    for embedding, label in zip(embeddings, labels.tolist(), strict=True):
        cosines = [cosine(embedding, prototype) for prototype in prototypes]
        angles.append(math.acos(cosines.pop(label)))
        sums.append(sum(math.exp(scale * each) for each in cosines))
    angle = min(math.pi / 4, statistics.median(angles))
    return math.log(statistics.mean(sums)) / math.cos(angle)


def test_loss_equals_pytorch_metric_learning(vectors):
    embeddings, prototypes = vectors(6, 5), vectors(4, 5, seed=1)
    reference = NormalizedSoftmaxLoss(4, 5, temperature=1 / 7)
    reference.W.data = prototypes.T.clone()
    value = adacos_loss(embeddings, LABELS, prototypes, scale=7.0)
    assert value.item() == pytest.approx(reference(embeddings, LABELS).item(), rel=1e-6)


def test_gradient(vectors):
    arguments = vectors(6, 5).requires_grad_(), vectors(4, 5, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w: adacos_loss(x, LABELS, w, scale=5.0), arguments)


def test_fixed_scale():
    assert fixed_adacos_scale(1211) == pytest.approx(math.sqrt(2) * math.log(1210), rel=1e-12)
    assert fixed_adacos_scale(1211) == pytest.approx(10.0, abs=0.05)
    assert fixed_adacos_scale(2) == 1


@pytest.mark.parametrize("scale", [2.0, 10.0])
@pytest.mark.parametrize("closeness", [0.0, 3.0])
def test_scale_equals_the_slow_version(scale, closeness, vectors, cosine):
    prototypes = vectors(20, 9, seed=1)
    labels = torch.arange(20).repeat(2)[:33]
    # Far from their prototypes the median angle is above π/4, near them below.
    embeddings = vectors(33, 9) + closeness * prototypes[labels]
    expected = slow_scale(embeddings, labels, prototypes, scale, cosine)
    value = adacos_scale(embeddings, labels, prototypes, scale=scale)
    assert value.item() == pytest.approx(expected, rel=1e-6)
    # The median of an even number of angles is the mean of the middle two.
    expected = slow_scale(embeddings[:32], labels[:32], prototypes, scale, cosine)
    value = adacos_scale(embeddings[:32], labels[:32], prototypes, scale=scale)
    assert value.item() == pytest.approx(expected, rel=1e-6)


def test_scale_by_hand():
    # Each embedding lies on its prototype, the other three are orthogonal: B = 3, cos θ_med = 1.
    eye = torch.eye(4)
    value = adacos_scale(eye, torch.arange(4), eye, scale=5.0)
    assert value.item() == pytest.approx(math.log(3), rel=1e-6)
    # Each lies on another's: B = e⁵ + 2, θ_med = π/2, of which π/4 counts.
    value = adacos_scale(eye, torch.tensor([1, 2, 3, 0]), eye, scale=5.0)
    assert value.item() == pytest.approx(math.sqrt(2) * math.log(math.exp(5) + 2), rel=1e-6)


def test_scale_never_vanishes_and_never_overflows():
    sides = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    labels = torch.tensor([0, 1])
    # Two classes well apart: log B is −30.
    assert adacos_scale(sides, labels, sides, scale=30.0).item() == 1
    assert adacos_scale(sides, 1 - labels, sides, scale=1e4).item() == pytest.approx(
        math.sqrt(2) * 1e4
    )


def test_scale_carries_no_gradient(vectors):
    embeddings, prototypes = vectors(6, 5).requires_grad_(), vectors(4, 5).requires_grad_()
    assert not adacos_scale(embeddings, LABELS, prototypes, scale=5.0).requires_grad


@pytest.mark.parametrize("function", [adacos_loss, adacos_scale])
def test_refuses_wrong_arguments(function):
    with pytest.raises(ValueError, match="scale"):
        function(torch.ones(1, 3), torch.tensor([0]), torch.ones(4, 3), scale=0.0)
    with pytest.raises(ValueError, match=r"labels: .*\(4, 3\)"):
        function(torch.ones(1, 3), torch.tensor([4]), torch.ones(4, 3), scale=1.0)
    with pytest.raises(ValueError, match=r"prototypes: .*\(4, 2\)"):
        function(torch.ones(1, 3), torch.tensor([0]), torch.ones(4, 2), scale=1.0)


@pytest.mark.parametrize("function", [adacos_loss, adacos_scale])
def test_labels_of_any_integer_type(function, vectors):
    embeddings, prototypes = vectors(6, 5), vectors(4, 5, seed=1)
    value = function(embeddings, LABELS.to(torch.uint8), prototypes, scale=5.0)
    assert value == function(embeddings, LABELS, prototypes, scale=5.0)


def module_and_segments(vectors, **settings):
    torch.manual_seed(0)
    module = AdaCosSettings(**settings).build(Site(5, (), 40))
    return module, Segments(vectors(6, 5).float().requires_grad_(), LABELS, torch.zeros(6))


def test_dynamic_module_moves_its_scale_in_training_alone(vectors):
    module, segments = module_and_segments(vectors)
    start = module.scale.item()
    assert start == pytest.approx(fixed_adacos_scale(40))
    batch = segments.embeddings, LABELS, module.prototypes
    first = adacos_scale(*batch, scale=start)
    assert abs(first - start) > 0.05
    torch.testing.assert_close(module(segments), adacos_loss(*batch, scale=first))
    torch.testing.assert_close(module.scale, first)
    second = adacos_scale(*batch, scale=first)
    torch.testing.assert_close(module(segments), adacos_loss(*batch, scale=second))
    torch.testing.assert_close(module.scale, second)
    module.eval()
    torch.testing.assert_close(module(segments), adacos_loss(*batch, scale=second))
    torch.testing.assert_close(module.scale, second)


def test_fixed_module_keeps_its_scale(vectors):
    module, segments = module_and_segments(vectors, dynamic=False)
    expected = adacos_loss(
        segments.embeddings, LABELS, module.prototypes, scale=fixed_adacos_scale(40)
    )
    torch.testing.assert_close(module(segments), expected)
    assert module.scale.item() == pytest.approx(fixed_adacos_scale(40))


def test_scale_is_in_checkpoints_and_is_not_trained(vectors):
    module, segments = module_and_segments(vectors)
    module(segments)
    restored = AdaCosSettings().build(Site(5, (), 40))
    restored.load_state_dict(copy.deepcopy(module.state_dict()))
    assert restored.scale == module.scale
    assert dict(module.named_parameters()).keys() == {"prototypes"}


def test_two_losses_before_one_backward_pass(vectors):
    module, segments = module_and_segments(vectors)
    (module(segments) + module(segments)).backward()
    assert segments.embeddings.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_scale_of_half_precision_is_computed_in_float32(dtype, vectors):
    embeddings, prototypes = vectors(6, 5).to(dtype), vectors(4, 5, seed=1).to(dtype)
    value = adacos_scale(embeddings, LABELS, prototypes, scale=5.0)
    assert value.dtype == torch.float32
    expected = adacos_scale(embeddings.float(), LABELS, prototypes.float(), scale=5.0)
    assert value == expected

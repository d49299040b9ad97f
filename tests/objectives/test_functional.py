"""What every loss must survive: hard geometry, half precision, autocast."""

import pytest
import torch

from contravox.objectives import functional as f

LABELS = torch.tensor([0, 0, 1, 1, 2, 2])
ATTENTION = torch.tensor([1.0, 0.0, 0.5, 1e-30, 0.2, 0.9])
PROTOTYPES = torch.tensor([[1.0, 0, 0], [-1.0, 0, 0], [0, 0, 0]])
SUB_CENTRES = torch.stack([PROTOTYPES, PROTOTYPES.roll(1, dims=1)], dim=1)
BIAS = torch.tensor([5.0, 0, -5])
LOSSES = {
    "aam_softmax": lambda x: f.aam_softmax_loss(x, LABELS, PROTOTYPES.to(x.dtype), scale=100),
    "am_softmax": lambda x: f.am_softmax_loss(x, LABELS, PROTOTYPES.to(x.dtype), scale=100),
    "aam_softmax hard": lambda x: f.aam_softmax_loss(
        x, LABELS, SUB_CENTRES.to(x.dtype), scale=100, hard_negatives=2
    ),
    "am_softmax hard": lambda x: f.am_softmax_loss(
        x, LABELS, SUB_CENTRES.to(x.dtype), scale=100, hard_negatives=2
    ),
    "softmax": lambda x: f.softmax_loss(x, LABELS, 100 * PROTOTYPES.to(x.dtype), BIAS),
    "sphereface2": lambda x: f.sphereface2_loss(x, LABELS, PROTOTYPES.to(x.dtype), bias=-2),
    "adacos": lambda x: f.adacos_loss(x, LABELS, PROTOTYPES.to(x.dtype), scale=100),
    "supcon": lambda x: f.supcon_loss(x, LABELS, temperature=0.01, margin=0.2),
    "supcon weight": lambda x: f.supcon_loss(
        x, LABELS, temperature=0.01, margin=0.2, attention=ATTENTION, attention_on="all"
    ),
    "supcon logit": lambda x: f.supcon_loss(
        x, LABELS, temperature=0.01, attention=ATTENTION, attention_form="logit"
    ),
    "attention": lambda x: f.class_attention(
        x, LABELS, PROTOTYPES.to(x.dtype), sigma=0.01, differentiate=True
    ).sum(),
    "nt_xent": lambda x: f.nt_xent_loss(x, LABELS, temperature=0.01),
    "triplet": lambda x: f.triplet_loss(x, LABELS, margin=4.0),
    "triplet all": lambda x: f.triplet_loss(x, LABELS, mining="all", squared=False),
    "n_pairs": lambda x: f.n_pairs_loss(x, LABELS),
    "uniformity": lambda x: f.uniformity_loss(x.reshape(3, 2, 3), t=100.0),
    "uniformity all": lambda x: f.uniformity_loss(x.reshape(3, 2, 3), t=100.0, pairs="all"),
    "angular_contrastive": lambda x: f.angular_contrastive_loss(x.reshape(3, 2, 3), 100.0, -5.0),
    "angular_prototypical": lambda x: f.angular_prototypical_loss(x.reshape(3, 2, 3), 100.0, -5.0),
    "prototypical": lambda x: f.prototypical_loss(x.reshape(3, 2, 3)),
    "ge2e": lambda x: f.ge2e_loss(x.reshape(3, 2, 3), 100.0, -5.0),
}
GEOMETRIES = {
    "duplicates": torch.tensor([[0.3, 0.1, 0.7]] * 6),
    "opposites": torch.tensor([[1.0, 0, 0], [-1.0, 0, 0]] * 3),
    "zeros among others": torch.tensor(
        [[0.0, 0, 0], [1.0, 0, 0], [-1.0, 0, 0], [0, 0, 0], [0, 1.0, 0], [0, 2.0, 0]]
    ),
    "all zeros": torch.zeros(6, 3),
    "tiny": 1e-18 * torch.tensor([[1.0, 2, 3], [3, 2, 1]] * 3),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_value_and_gradient_are_finite(loss, geometry):
    embeddings = GEOMETRIES[geometry].clone().requires_grad_()
    value = LOSSES[loss](embeddings)
    value.backward()
    assert value.isfinite()
    assert embeddings.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_a_zero_vector_gets_no_exploding_gradient(loss):
    embeddings = GEOMETRIES["zeros among others"].clone().requires_grad_()
    LOSSES[loss](embeddings).backward()
    assert embeddings.grad.abs().max() < 1e4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("loss", LOSSES)
def test_half_precision_inputs_are_computed_in_float32(loss, dtype, vectors):
    embeddings = vectors(6, 3).to(dtype).requires_grad_()
    value = LOSSES[loss](embeddings)
    value.backward()
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, LOSSES[loss](embeddings.detach().float()), rtol=0, atol=0)
    assert embeddings.grad.dtype == dtype


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("loss", LOSSES)
def test_autocast_changes_nothing(loss, dtype, vectors):
    results = []
    for enabled in (False, True):
        embeddings = vectors(6, 3).float().requires_grad_()
        with torch.autocast("cpu", dtype=dtype, enabled=enabled):
            value = LOSSES[loss](embeddings)
        value.backward()
        results.append((value.detach(), embeddings.grad))
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=0)


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int16, torch.int32])
@pytest.mark.parametrize(
    "loss",
    [f.aam_softmax_loss, f.am_softmax_loss, f.adacos_loss, f.sphereface2_loss, f.class_attention],
)
def test_classes_are_any_integers(loss, kind, vectors):
    settings = {"scale": 5.0} if loss is f.adacos_loss else {}
    embeddings, prototypes = vectors(6, 3), vectors(3, 3, seed=1)
    value = loss(embeddings, LABELS.to(kind), prototypes, **settings)
    torch.testing.assert_close(value, loss(embeddings, LABELS, prototypes, **settings))


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int16, torch.int32])
@pytest.mark.parametrize("loss", [f.supcon_loss, f.nt_xent_loss, f.triplet_loss])
def test_labels_are_any_integers(loss, kind, vectors):
    embeddings, labels = vectors(6, 3), torch.tensor([3, 120, 3, 120, 7, 7])
    for settings in [{}] if loss is f.triplet_loss else [{}, {"tile": 2}]:
        value = loss(embeddings, labels.to(kind), **settings)
        torch.testing.assert_close(value, loss(embeddings, labels), rtol=0, atol=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_embeddings_that_are_not_finite_are_refused_by_row(loss, bad, vectors):
    embeddings = vectors(6, 3).float()
    embeddings[4, 1] = bad
    with pytest.raises(ValueError, match=r"embeddings: 1 vectors of shape .* at (4|\(2, 0\))"):
        LOSSES[loss](embeddings)


@pytest.mark.parametrize("loss", LOSSES)
def test_float64_stays_float64(loss, vectors):
    embeddings = vectors(6, 3)
    value = LOSSES[loss](embeddings)
    assert value.dtype == torch.float64
    torch.testing.assert_close(
        LOSSES[loss](embeddings.float()).double(), value, rtol=1e-4, atol=1e-5
    )

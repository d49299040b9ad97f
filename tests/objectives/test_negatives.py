import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from contravox.objectives import functional as f
from contravox.objectives.negatives import negative_log_sums

LABELS = torch.tensor([7, -2, 7, 4, 4, 7, 9, -2])
ATTENTION = torch.tensor([0.9, 0.3, 0.5, 0.7, 1.0, 0.01, 0.3, 0.6], dtype=torch.float64)
TILES = [1, 2, 3, 5, 8, 100]
MEANS = torch.tensor([0.2, 0.3, 0.1, 0.5, 2.0, 0.01, 0.3, 1.0], dtype=torch.float64)
FORMS = [None, "weight", "logit", "weight by means", "logit by means"]


def slow_log_sums(vectors, labels, attention, means, form):
    sums = []
    for i, label in enumerate(labels):
        total = 0.0
        for j, other in enumerate(labels):
            if other == label:
                continue
            product = sum(a * b for a, b in zip(vectors[i], vectors[j], strict=True))
            pair = min(attention[i], attention[j]) / (means[i] if "means" in str(form) else 1)
            if form and form.startswith("logit"):
                total += math.exp(pair * product)
            else:
                total += (pair if form else 1) * math.exp(product)
        sums.append(math.log(total) if total else -math.inf)
    return sums


def attended(form, attention=ATTENTION, means=MEANS):
    if form is None:
        return {}
    means = means if form.endswith("means") else None
    return {"attention": attention, "attention_form": form.split()[0], "means": means}


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("form", FORMS)
def test_equals_the_slow_version(form, tile, vectors):
    x = vectors(8, 5)
    value = negative_log_sums(x, LABELS, tile=tile, **attended(form))
    expected = slow_log_sums(x.tolist(), LABELS.tolist(), ATTENTION.tolist(), MEANS.tolist(), form)
    assert value.tolist() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("tile", [1, 3, 8])
@pytest.mark.parametrize("form", FORMS)
def test_gradient(form, tile, vectors):
    attention, means = ATTENTION.clone().requires_grad_(), MEANS.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, a, m: negative_log_sums(x, LABELS, tile=tile, **attended(form, a, m)),
        (vectors(8, 5).requires_grad_(), attention, means),
    )


@pytest.mark.parametrize("form", ["weight by means", "logit by means"])
def test_gradient_of_one_tile_without_that_of_attention(form, vectors):
    assert torch.autograd.gradcheck(
        lambda x: negative_log_sums(x, LABELS, tile=8, **attended(form)),
        vectors(8, 5).requires_grad_(),
    )


@pytest.mark.parametrize("tile", [2, 4, 7, 60])
@pytest.mark.parametrize("speakers", [2, 3, 20, 60])
@pytest.mark.parametrize("form", FORMS)
def test_gradient_equals_that_of_a_matrix_of_all_pairs(form, speakers, tile, vectors):
    labels = torch.randint(speakers, (60,), generator=torch.Generator().manual_seed(speakers))
    attention, means = vectors(60, seed=1).sigmoid(), vectors(60, seed=2).sigmoid()
    attention[10] = attention[40]  # a pair of equals

    def both(log_sums):
        x, a = vectors(60, 4).requires_grad_(), attention.clone().requires_grad_()
        # Other weights for each, so that no gradient hides behind another.
        (log_sums(x, a) * torch.arange(1.0, 61.0)).sum().backward()
        return x.grad, torch.zeros_like(a) if a.grad is None else a.grad

    def dense(x, a):
        logits, pairs = x @ x.T, torch.minimum(a[:, None], a)
        if form and form.endswith("means"):
            pairs = pairs / means[:, None]
        if form and form.startswith("weight"):
            logits = logits + pairs.log()
        elif form:
            logits = logits * pairs
        return logits.masked_fill(labels[:, None] == labels, -torch.inf).logsumexp(dim=1)

    expected = both(dense)
    value = both(lambda x, a: negative_log_sums(x, labels, tile=tile, **attended(form, a, means)))
    torch.testing.assert_close(value, expected)


def test_equal_attention_shares_the_gradient(vectors):
    # Half a pair's gradient each, as torch.minimum gives it.
    attention = torch.full((2,), 0.5, dtype=torch.float64, requires_grad=True)
    sums = negative_log_sums(vectors(2, 3), torch.tensor([0, 1]), attention=attention, tile=2)
    sums.sum().backward()
    assert attention.grad.tolist() == pytest.approx([2, 2])  # d log a/da = 2, twice a half


@pytest.mark.parametrize("tile", [1, 4])
def test_without_negatives_the_sum_is_empty(tile, vectors):
    x = vectors(4, 3).requires_grad_()
    sums = negative_log_sums(x, torch.zeros(4, dtype=torch.int64), tile=tile)
    assert sums.tolist() == [-math.inf] * 4
    torch.logaddexp(sums, torch.zeros(4)).sum().backward()
    assert torch.equal(x.grad, torch.zeros(4, 3, dtype=torch.float64))


@pytest.mark.parametrize("form", FORMS)
def test_logits_beyond_the_range_of_exponentials(form):
    # exp(±200) is no float32; the sums and their gradients still are.
    x = torch.tensor([[1.0, 0], [1, 0], [-1, 0], [0.6, 0.8]]) * math.sqrt(200)
    x.requires_grad_()
    sums = negative_log_sums(
        x, torch.arange(4), tile=2, **attended(form, torch.ones(4), torch.ones(4))
    )
    expected = [200.0, 200.0, -120.0, 120 + math.log(2)]
    assert sums.tolist() == pytest.approx(expected, rel=1e-6)
    sums.sum().backward()
    assert x.grad.isfinite().all()
    torch.testing.assert_close(x.grad[2], x[3].detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("tile", [3, 8])
def test_autocast_around_the_backward_pass_changes_nothing(tile, vectors):
    gradients = []
    for enabled in (False, True):
        x = vectors(8, 5).float().requires_grad_()
        sums = negative_log_sums(x, LABELS, tile=tile).sum()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            sums.backward()
        gradients.append(x.grad)
    assert torch.equal(*gradients)


class LargestTensor(TorchDispatchMode):
    """Remembers the most elements that any operation put out."""

    def __init__(self):
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else [result]:
            if isinstance(value, torch.Tensor):
                self.elements = max(self.elements, value.untyped_storage().size() // 4)
        return result


TILED = {
    "supcon": lambda x, y: f.supcon_loss(x, y, margin=0.2, tile=4),
    "supcon weight": lambda x, y: f.supcon_loss(
        x, y, attention=torch.linspace(0.1, 1, len(x)), attention_on="all", tile=4
    ),
    "supcon logit": lambda x, y: f.supcon_loss(
        x, y, attention=torch.linspace(0.1, 1, len(x)), attention_form="logit", tile=4
    ),
    "nt_xent": lambda x, y: f.nt_xent_loss(x, y, margin=0.1, tile=4),
    "angular_contrastive": lambda x, y: f.angular_contrastive_loss(
        x.reshape(-1, 2, 4), 10.0, -5.0, tile=4
    ),
    "uniformity": lambda x, y: f.uniformity_loss(x.reshape(-1, 2, 4), tile=4),
    "uniformity negatives": lambda x, y: f.uniformity_loss(
        x.reshape(-1, 2, 4), pairs="negatives", tile=4
    ),
    "uniformity all": lambda x, y: f.uniformity_loss(x.reshape(-1, 2, 4), pairs="all", tile=4),
}
BATCHES = {
    "two of each": torch.arange(400) // 2,
    "one speaker": torch.zeros(400, dtype=torch.int64),
    "one large speaker": torch.arange(400).clamp(max=200),
    "no positives": torch.arange(400),
}


@pytest.mark.parametrize("loss", TILED)
@pytest.mark.parametrize("batch", BATCHES)
def test_no_tensor_is_larger_than_a_tile_or_the_embeddings(loss, batch, vectors):
    embeddings = vectors(400, 4).float().requires_grad_()
    with LargestTensor() as largest:
        TILED[loss](embeddings, BATCHES[batch]).backward()
    # Two tiles of 4 × 400 lie in one tensor; a matrix of all pairs has 160,000 elements.
    assert largest.elements <= 2 * 4 * 400


@pytest.mark.parametrize("loss", ["supcon_loss", "nt_xent_loss"])
def test_refuses_a_tile_that_is_not_positive(loss):
    with pytest.raises(ValueError, match="tile: must be positive, got 0"):
        getattr(f, loss)(torch.ones(2, 3), torch.tensor([0, 0]), tile=0)

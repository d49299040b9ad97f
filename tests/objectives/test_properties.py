"""What holds of losses, whatever the batch."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from contravox.objectives import functional as f
from profiles import examples

SIZE, CLASSES = 4, 5


@dataclass(frozen=True)
class Batch:
    """embeddings (N, d) with labels (N,); others: class vectors (K, d), or a teacher's (N, d)."""

    embeddings: Tensor
    labels: Tensor
    others: Tensor


@dataclass(frozen=True)
class Loss:
    """call: the loss of a batch.

    by_angle: whether lengths count for nothing. paired: whether a batch is of pairs of rows, each
    of a label of its own; otherwise labels come as they come. others: what it looks at beside the
    embeddings. least, most: of its values.
    """

    call: Callable[[Batch], Tensor]
    by_angle: bool = True
    paired: bool = False
    others: Literal["classes", "teacher", None] = None
    least: float = 0.0
    most: float = math.inf


def views(batch):
    return batch.embeddings.reshape(-1, 2, SIZE)


def attention(batch):
    """Of each segment alone, so that it goes with it."""
    return f.class_attention(batch.embeddings, batch.labels, batch.others)


LOSSES = {
    "supcon": Loss(lambda x: f.supcon_loss(x.embeddings, x.labels, temperature=0.3)),
    "supcon tiles": Loss(lambda x: f.supcon_loss(x.embeddings, x.labels, margin=0.3, tile=2)),
    "supcon weight": Loss(
        lambda x: f.supcon_loss(x.embeddings, x.labels, attention=attention(x), tile=3),
        others="classes",
    ),
    "supcon logit": Loss(
        lambda x: f.supcon_loss(
            x.embeddings,
            x.labels,
            attention=attention(x),
            attention_form="logit",
            attention_on="all",
            attention_scale="absolute",
        ),
        others="classes",
    ),
    "nt_xent": Loss(lambda x: f.nt_xent_loss(x.embeddings, x.labels, margin=0.1, tile=2)),
    "triplet": Loss(lambda x: f.triplet_loss(x.embeddings, x.labels, margin=0.5)),
    "triplet all": Loss(
        lambda x: f.triplet_loss(x.embeddings, x.labels, mining="all", squared=False)
    ),
    "n_pairs": Loss(lambda x: f.n_pairs_loss(x.embeddings, x.labels), by_angle=False, paired=True),
    "n_pairs unit": Loss(
        lambda x: f.n_pairs_loss(x.embeddings, x.labels, normalise=True), paired=True
    ),
    "aam_softmax": Loss(
        lambda x: f.aam_softmax_loss(x.embeddings, x.labels, x.others, hard_negatives=2),
        others="classes",
    ),
    "am_softmax": Loss(
        lambda x: f.am_softmax_loss(x.embeddings, x.labels, x.others), others="classes"
    ),
    "adacos": Loss(
        lambda x: f.adacos_loss(x.embeddings, x.labels, x.others, scale=5.0), others="classes"
    ),
    "adacos scale": Loss(
        lambda x: f.adacos_scale(x.embeddings, x.labels, x.others, scale=5.0),
        others="classes",
        least=1.0,
    ),
    "softmax": Loss(
        lambda x: f.softmax_loss(x.embeddings, x.labels, x.others, torch.zeros(CLASSES).double()),
        by_angle=False,
        others="classes",
    ),
    "distillation": Loss(
        lambda x: f.similarity_distillation_loss(x.embeddings, x.others), others="teacher", most=4
    ),
    "prototypical": Loss(lambda x: f.prototypical_loss(views(x)), by_angle=False, paired=True),
    "angular_prototypical": Loss(
        lambda x: f.angular_prototypical_loss(views(x), 7.0, -2.0), paired=True
    ),
    "angular_contrastive": Loss(
        lambda x: f.angular_contrastive_loss(views(x), 7.0, -2.0, tile=2), paired=True
    ),
    "ge2e": Loss(lambda x: f.ge2e_loss(views(x), 7.0, -2.0), paired=True),
    "uniformity": Loss(
        lambda x: f.uniformity_loss(views(x), pairs="negatives", tile=3),
        paired=True,
        least=-8,
        most=0,
    ),
}


@st.composite
def batches(draw, loss):
    """What a loss takes, of at most a dozen segments."""
    if loss.paired:
        labels = [label for label in range(draw(st.integers(1, 5))) for _ in range(2)]
    else:
        labels = draw(st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=12))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))

    def numbers(rows):
        return torch.randn(rows, SIZE, generator=generator, dtype=torch.float64)

    others = numbers(len(labels) if loss.others == "teacher" else CLASSES)
    return Batch(numbers(len(labels)), torch.tensor(labels), others)


every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
BY_ANGLE = {name: loss for name, loss in LOSSES.items() if loss.by_angle}
of_angles = pytest.mark.parametrize("loss", BY_ANGLE.values(), ids=BY_ANGLE)


@every_loss
@examples(4)
@given(data=st.data())
def test_values_lie_where_they_may(loss, data):
    value = float(loss.call(data.draw(batches(loss))))
    assert loss.least - 1e-9 <= value <= loss.most + 1e-9


@every_loss
@examples(4)
@given(data=st.data())
def test_the_order_of_segments_or_pairs_counts_for_nothing(loss, data):
    batch = data.draw(batches(loss))
    together = 2 if loss.paired else 1
    order = torch.tensor(data.draw(st.permutations(range(len(batch.labels) // together))))
    order = (order[:, None] * together + torch.arange(together)).flatten()
    others = batch.others[order] if loss.others == "teacher" else batch.others
    moved = Batch(batch.embeddings[order], batch.labels[order], others)
    torch.testing.assert_close(loss.call(moved), loss.call(batch))


@every_loss
@examples(4)
@given(data=st.data())
def test_which_numbers_labels_have_counts_for_nothing(loss, data):
    batch = data.draw(batches(loss))
    names = torch.tensor(data.draw(st.permutations(range(CLASSES))))
    if loss.others == "classes":
        renamed = replace(batch, labels=names[batch.labels], others=batch.others[names.argsort()])
    else:
        renamed = replace(batch, labels=1000 * names[batch.labels] - 1500)
    torch.testing.assert_close(loss.call(renamed), loss.call(batch))


@every_loss
@examples(4)
@given(data=st.data())
def test_turned_space_is_the_same_space(loss, data):
    batch = data.draw(batches(loss))
    generator = torch.Generator().manual_seed(len(batch.labels))
    turn, _ = torch.linalg.qr(torch.randn(SIZE, SIZE, generator=generator, dtype=torch.float64))
    turned = Batch(batch.embeddings @ turn, batch.labels, batch.others @ turn)
    torch.testing.assert_close(loss.call(turned), loss.call(batch))


@of_angles
@examples(4)
@given(data=st.data())
def test_lengths_count_for_nothing(loss, data):
    batch = data.draw(batches(loss))
    lengths = torch.logspace(-3, 3, len(batch.labels), dtype=torch.float64)[:, None]
    scaled = replace(batch, embeddings=batch.embeddings * lengths)
    torch.testing.assert_close(loss.call(scaled), loss.call(batch))


@of_angles
@examples(4)
@given(data=st.data())
def test_no_gradient_lies_along_an_embedding(loss, data):
    batch = data.draw(batches(loss))
    _, gradient = with_gradient(loss.call, batch)
    along = (gradient * batch.embeddings).sum(dim=1)
    torch.testing.assert_close(along, torch.zeros_like(along), rtol=0, atol=1e-9)


def with_gradient(loss, batch):
    """A loss and its gradient; zeros where there is none."""
    embeddings = batch.embeddings.clone().requires_grad_()
    value = loss(replace(batch, embeddings=embeddings))
    if not value.requires_grad:
        return value, torch.zeros_like(embeddings)
    [gradient] = torch.autograd.grad(value, embeddings)
    return value.detach(), gradient


def plain_cosines(embeddings):
    units = embeddings / embeddings.norm(dim=1, keepdim=True)
    return units @ units.T


def plain_supcon(batch, temperature):
    """Every anchor with a positive, one at a time."""
    logits = plain_cosines(batch.embeddings) / temperature
    losses = []
    for i, label in enumerate(batch.labels):
        others = [j for j in range(len(batch.labels)) if j != i]
        positives = [j for j in others if batch.labels[j] == label]
        if positives:
            losses.append(logits[i, others].logsumexp(0) - logits[i, positives].mean())
    return torch.stack(losses).mean() if losses else torch.zeros(()).double()


def plain_nt_xent(batch, temperature):
    """Every ordered pair of positives, one at a time."""
    logits = plain_cosines(batch.embeddings) / temperature
    places, losses = range(len(batch.labels)), []
    for i, p in product(places, places):
        if i != p and batch.labels[i] == batch.labels[p]:
            negatives = [j for j in places if batch.labels[j] != batch.labels[i]]
            losses.append(logits[i, [p, *negatives]].logsumexp(0) - logits[i, p])
    return torch.stack(losses).mean() if losses else torch.zeros(()).double()


def plain_triplets(batch, margin):
    """Every triplet, one at a time."""
    distances = 2 - 2 * plain_cosines(batch.embeddings)
    places, losses = range(len(batch.labels)), []
    for i, p, n in product(places, places, places):
        if i != p and batch.labels[i] == batch.labels[p] != batch.labels[n]:
            losses.append((distances[i, p] - distances[i, n] + margin).relu())
    losses = [each for each in losses if each > 0]
    return torch.stack(losses).mean() if losses else torch.zeros(()).double()


@pytest.mark.parametrize(
    ("loss", "plain"),
    [
        (
            lambda x, tile: f.supcon_loss(x.embeddings, x.labels, temperature=0.2, tile=tile),
            lambda x: plain_supcon(x, 0.2),
        ),
        (
            lambda x, tile: f.nt_xent_loss(x.embeddings, x.labels, temperature=0.2, tile=tile),
            lambda x: plain_nt_xent(x, 0.2),
        ),
        (
            lambda x, tile: f.triplet_loss(x.embeddings, x.labels, margin=0.4, mining="all"),
            lambda x: plain_triplets(x, 0.4),
        ),
    ],
    ids=["supcon", "nt_xent", "triplet"],
)
@examples(10)
@given(batch=batches(LOSSES["supcon"]), tile=st.none() | st.integers(1, 13))
def test_the_loss_of_any_batch_is_that_of_the_loop(loss, plain, batch, tile):
    value, gradient = with_gradient(lambda x: loss(x, tile), batch)
    expected, expected_gradient = with_gradient(plain, batch)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient)

import math
from statistics import mean

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import SupConLoss

from contravox.errors import RecipeError
from contravox.objectives.class_attention import ClassAttentionSettings, class_attention
from contravox.objectives.objective import Site
from contravox.objectives.supcon import SupConSettings, supcon_loss

LABELS = torch.tensor([7, -2, 7, 4, 4, 7, 9, -2])  # 9 has no positive
ATTENTION = torch.tensor([0.9, 0.3, 0.5, 0.7, 1.0, 0.01, 0.2, 0.6], dtype=torch.float64)
SETTINGS = [
    {"temperature": temperature, "margin": margin, **attention}
    for temperature, margin in [(0.07, 0.0), (0.07, 0.2), (0.5, 0.5)]
    for attention in [
        {},
        *(
            {
                "attention": ATTENTION,
                "attention_form": form,
                "attention_on": on,
                "attention_scale": scale,
            }
            for form in ("weight", "logit")
            for on in ("negatives", "all")
            for scale in ("relative", "absolute")
        ),
    ]
]


def slow_supcon(
    embeddings,
    labels,
    cosine,
    temperature,
    margin=0.0,
    attention=None,
    attention_form="weight",
    attention_on="negatives",
    attention_scale="relative",
):
    """Sums over anchors, positives and all others, as methods.md writes them."""
    size, labels = len(labels), labels.tolist()
    losses = []
    for i in range(size):
        negatives = [a for a in range(size) if labels[a] != labels[i]]
        logits = {}
        for j in range(size):
            if j == i:
                continue
            angle = math.acos(cosine(embeddings[i], embeddings[j]))
            if labels[i] == labels[j]:
                angle += margin
            logit = math.cos(angle) / temperature
            if attention is not None and (attention_on == "all" or labels[i] != labels[j]):
                pair = min(attention[i].item(), attention[j].item())
                if attention_scale == "relative":
                    pair /= mean(min(attention[i].item(), attention[a].item()) for a in negatives)
                logit = logit + math.log(pair) if attention_form == "weight" else pair * logit
            logits[j] = logit
        positives = [j for j in logits if labels[j] == labels[i]]
        if positives:
            log_sum = math.log(sum(math.exp(logit) for logit in logits.values()))
            losses.append(-sum(logits[p] - log_sum for p in positives) / len(positives))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("tile", [None, 1, 3])
@pytest.mark.parametrize("settings", SETTINGS)
def test_equals_the_slow_version(settings, tile, vectors, cosine):
    embeddings = vectors(8, 5)
    expected = slow_supcon(embeddings, LABELS, cosine, **settings)
    value = supcon_loss(embeddings, LABELS, tile=tile, **settings).item()
    assert value == pytest.approx(expected, rel=1e-6)


def test_equals_pytorch_metric_learning(vectors):
    # It keeps a small number in 1/|P(i)|, and skips anchors without a positive as we do.
    embeddings = vectors(8, 5)
    expected = SupConLoss(temperature=0.07)(embeddings, LABELS).item()
    value = supcon_loss(embeddings, LABELS, temperature=0.07).item()
    assert value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("tile", [None, 3])
@pytest.mark.parametrize("settings", SETTINGS)
def test_gradient(settings, tile, vectors):
    embeddings = vectors(8, 5).requires_grad_()
    settings = settings | {"temperature": 0.5, "tile": tile}
    assert torch.autograd.gradcheck(lambda x: supcon_loss(x, LABELS, **settings), embeddings)


@pytest.mark.parametrize("form", ["weight", "logit"])
@pytest.mark.parametrize("on", ["negatives", "all"])
@pytest.mark.parametrize("scale", ["relative", "absolute"])
def test_gradient_of_attention(form, on, scale, vectors):
    def loss(embeddings, attention):
        return supcon_loss(
            embeddings,
            LABELS,
            temperature=0.5,
            margin=0.2,
            attention=attention,
            attention_form=form,
            attention_on=on,
            attention_scale=scale,
            tile=3,
        )

    attention = ATTENTION.clone().requires_grad_()
    assert torch.autograd.gradcheck(loss, (vectors(8, 5).requires_grad_(), attention))


def test_one_speaker_has_no_negatives_to_attend(vectors):
    # Only positives are left: log-sums over them, whatever attention the negatives would get.
    embeddings, labels = vectors(6, 4), torch.zeros(6, dtype=torch.int64)
    for tile in (None, 2):
        attended = supcon_loss(embeddings, labels, attention=vectors(6).sigmoid(), tile=tile)
        logits = F.cosine_similarity(embeddings[:, None], embeddings, dim=2) / 0.07
        off_diagonal = logits[~torch.eye(6, dtype=torch.bool)].reshape(6, 5)
        expected = (off_diagonal.logsumexp(dim=1) - off_diagonal.mean(dim=1)).mean()
        torch.testing.assert_close(attended, expected)


def test_order_names_of_labels_and_lengths_do_not_count(vectors):
    embeddings = vectors(8, 5)
    value = supcon_loss(embeddings, LABELS, margin=0.2, attention=ATTENTION)
    order = torch.tensor([3, 0, 7, 5, 1, 2, 6, 4])
    permuted = supcon_loss(embeddings[order], LABELS[order], margin=0.2, attention=ATTENTION[order])
    torch.testing.assert_close(permuted, value)
    embeddings[3] *= 1e6
    renamed = supcon_loss(embeddings, LABELS * 5 + 1, margin=0.2, attention=ATTENTION)
    torch.testing.assert_close(renamed, value)


@pytest.mark.parametrize("form", ["weight", "logit"])
@pytest.mark.parametrize("on", ["negatives", "all"])
def test_attention_of_ones_is_none(form, on, vectors):
    embeddings = vectors(8, 5)
    attended = supcon_loss(
        embeddings, LABELS, attention=torch.ones(8), attention_form=form, attention_on=on
    )
    torch.testing.assert_close(attended, supcon_loss(embeddings, LABELS))


def test_equal_weights_of_all_pairs_cancel(vectors):
    embeddings = vectors(8, 5)
    attention = torch.full((8,), 0.03)
    weighed = supcon_loss(embeddings, LABELS, attention=attention, attention_on="all")
    torch.testing.assert_close(weighed, supcon_loss(embeddings, LABELS))


@pytest.mark.parametrize("form", ["weight", "logit"])
def test_relative_attention_does_not_change_when_all_is_multiplied(form, vectors):
    embeddings = vectors(8, 5)
    losses = [
        supcon_loss(
            embeddings, LABELS, attention=factor * ATTENTION, attention_form=form, tile=tile
        )
        for factor, tile in [(1, None), (1e-3, None), (1e-3, 3)]
    ]
    torch.testing.assert_close(losses[1:], losses[:1] * 2)


def test_relative_weights_of_all_pairs_are_the_absolute_ones(vectors):
    # An anchor's mean is in its positives' logits and in all of its log-sum.
    embeddings = vectors(8, 5)
    relative, absolute = (
        supcon_loss(
            embeddings, LABELS, attention=ATTENTION, attention_on="all", attention_scale=scale
        )
        for scale in ("relative", "absolute")
    )
    torch.testing.assert_close(relative, absolute)


@pytest.mark.parametrize("form", ["weight", "logit"])
def test_an_anchor_whose_attention_is_lost_in_rounding_attends_all_alike(form, vectors):
    embeddings = vectors(8, 5).requires_grad_()
    loss = supcon_loss(embeddings, LABELS, attention=torch.zeros(8), attention_form=form)
    torch.testing.assert_close(loss, supcon_loss(embeddings, LABELS))
    loss.backward()
    assert embeddings.grad.isfinite().all()


def test_a_segment_nobody_attends_has_no_say_as_a_negative(vectors):
    embeddings = vectors(8, 5)
    attention = torch.ones(8, dtype=torch.float64)
    attention[6] = 0.0  # the speaker without a positive, so only ever a negative
    without = [0, 1, 2, 3, 4, 5, 7]
    expected = supcon_loss(embeddings[without], LABELS[without])
    value = supcon_loss(embeddings, LABELS, attention=attention, attention_scale="absolute")
    torch.testing.assert_close(value, expected)


def test_attention_lowers_the_pull_of_a_hard_negative():
    # The third vector is a hard negative of the first two; attended less, it pushes them less.
    embeddings = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.9, -0.4]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 1])
    pulls = []
    for attention in (1.0, 0.1):
        given = embeddings.clone().requires_grad_()
        attentions = torch.tensor([1.0, 1.0, attention], dtype=torch.float64)
        supcon_loss(
            given, labels, temperature=0.5, attention=attentions, attention_scale="absolute"
        ).backward()
        pulls.append(given.grad[2].norm().item())
    assert pulls[1] < 0.5 * pulls[0]


def test_a_margin_asks_for_more(vectors):
    embeddings = vectors(8, 5)
    losses = [supcon_loss(embeddings, LABELS, margin=m).item() for m in (0.0, 0.1, 0.2, 0.4)]
    assert losses == sorted(losses)
    assert losses[0] < losses[-1]


def test_one_speaker_of_identical_segments():
    # Every logit is equal, so each positive has probability 1/(N − 1).
    value = supcon_loss(torch.ones(5, 3), torch.zeros(5, dtype=torch.int64))
    assert value.item() == pytest.approx(math.log(4), rel=1e-6)


@pytest.mark.parametrize("size", [1, 5])
def test_no_positive_pair_gives_zero_and_a_gradient_of_zero(size, vectors):
    embeddings = vectors(size, 3).requires_grad_()
    loss = supcon_loss(embeddings, torch.arange(size), margin=0.2, attention=torch.rand(size))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(embeddings.grad, torch.zeros(size, 3, dtype=torch.float64))


def test_refuses_wrong_arguments_by_name_and_shape():
    embeddings, labels = torch.ones(4, 3), torch.tensor([0, 0, 1, 1])
    for temperature in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="temperature"):
            supcon_loss(embeddings, labels, temperature=temperature)
    with pytest.raises(ValueError, match=r"attention: \(4,\) expected, got \(4, 4\)"):
        supcon_loss(embeddings, labels, attention=torch.ones(4, 4))
    with pytest.raises(ValueError, match=r"attention: 1 numbers of shape \(4,\) are not finite"):
        supcon_loss(embeddings, labels, attention=torch.tensor([1.0, math.nan, 1, 1]))
    with pytest.raises(ValueError, match="attention: must not be negative"):
        supcon_loss(embeddings, labels, attention=torch.tensor([1.0, -0.5, 1, 1]))
    with pytest.raises(ValueError, match="attention_form: must be one of weight, logit, got 'log'"):
        supcon_loss(embeddings, labels, attention_form="log")
    with pytest.raises(ValueError, match="attention_scale: must be one of relative, absolute"):
        supcon_loss(embeddings, labels, attention_scale="x")
    with pytest.raises(ValueError, match="attention_on: must be one of negatives, all, got 'x'"):
        supcon_loss(embeddings, labels, attention_on="x")
    with pytest.raises(ValueError, match=r"labels: .*\(4, 3\), got \(5,\)"):
        supcon_loss(embeddings, torch.zeros(5, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"embeddings: .*\(2, 4, 3\)"):
        supcon_loss(torch.ones(2, 4, 3), labels)


def test_module_attends_by_the_embedding_whatever_it_contrasts(vectors, segments_of):
    prototypes = vectors(3, 5, seed=1).requires_grad_()
    embedding, other = vectors(4, 5, seed=2), vectors(4, 7, seed=3).requires_grad_()
    attend = ClassAttentionSettings(sigma=0.3, form="logit", on="all", scale="absolute")
    settings = SupConSettings(temperature=0.2, margin=0.1, attention=attend)
    module = settings.build(Site(5, (), 3, lambda: prototypes))
    segments = segments_of(embedding, [0, 2, 2, 0])
    value = module(segments, other)
    expected = supcon_loss(
        other,
        segments.labels,
        temperature=0.2,
        margin=0.1,
        attention=class_attention(embedding, segments.labels, prototypes, sigma=0.3),
        attention_form="logit",
        attention_on="all",
        attention_scale="absolute",
    )
    torch.testing.assert_close(value, expected)
    value.backward()
    assert prototypes.grad is None
    assert list(module.parameters()) == []


def test_module_can_differentiate_attention(vectors, segments_of):
    prototypes = vectors(2, 5, seed=1).requires_grad_()
    settings = SupConSettings(attention=ClassAttentionSettings(differentiate=True))
    segments = segments_of(vectors(4, 5), [0, 1, 1, 0])
    settings.build(Site(5, (), 3, lambda: prototypes))(segments).backward()
    assert prototypes.grad.abs().max() > 0


def test_module_with_attention_needs_a_classifier():
    settings = SupConSettings(attention=ClassAttentionSettings())
    with pytest.raises(RecipeError, match=r"attention needs a classifier .*: add an aam_softmax"):
        settings.build(Site(5, (), 3))

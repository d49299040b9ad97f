import pytest
import torch
from pydantic import ValidationError

from contravox.encoders.encoder import FeatureMap
from contravox.errors import RecipeError
from contravox.objectives.class_attention import ClassAttentionSettings, class_attention
from contravox.objectives.multiscale import MapHead, MultiscaleSettings
from contravox.objectives.nt_xent import NtXentSettings, nt_xent_loss
from contravox.objectives.objective import Site
from contravox.objectives.supcon import SupConSettings, supcon_loss
from contravox.objectives.triplet import TripletSettings, triplet_loss

CHANNELS = (4, 6, 8)
LABELS = [0, 1, 2, 0, 1, 2]


@pytest.fixture
def maps(vectors):
    return [
        FeatureMap(vectors(6, channels, 9).float(), torch.full((6,), 9)) for channels in CHANNELS
    ]


@pytest.fixture
def segments(vectors, segments_of):
    return segments_of(vectors(6, 5).float().requires_grad_(), LABELS)


def loss_of(module, segments, maps):
    return module(segments, module.head_vectors(maps))


def build(settings, class_vectors=None):
    torch.manual_seed(0)
    return settings.build(Site(5, CHANNELS, 3, class_vectors))


def test_is_the_mean_of_supcon_over_heads(segments, maps):
    module = build(MultiscaleSettings(head_size=16))
    vectors = [head(feature) for head, feature in zip(module.heads, maps, strict=True)]
    assert [tuple(vector.shape) for vector in vectors] == [(6, 16)] * 3
    losses = [supcon_loss(vector, segments.labels, temperature=0.07) for vector in vectors]
    torch.testing.assert_close(loss_of(module, segments, maps), sum(losses) / 3)


@pytest.mark.parametrize(
    ("named", "weights", "chosen"),
    [
        ("last", None, {2: 1.0}),
        ((0, 2), None, {0: 1.0, 2: 1.0}),
        ((2, 1), (0.25, 3.0), {2: 0.25, 1: 3.0}),
        ("all", (1.0, 0.0, 2.0), {0: 1.0, 1: 0.0, 2: 2.0}),
    ],
)
def test_maps_and_their_weights(named, weights, chosen, segments, maps):
    module = build(MultiscaleSettings(maps=named, map_weights=weights))
    losses = [
        weight * supcon_loss(head(maps[index]), segments.labels)
        for head, (index, weight) in zip(module.heads, chosen.items(), strict=True)
    ]
    torch.testing.assert_close(loss_of(module, segments, maps), sum(losses) / len(chosen))


def test_every_parameter_of_every_head_learns_and_so_do_the_maps(segments, maps):
    for feature in maps:
        feature.values.requires_grad_()
    module = build(MultiscaleSettings())
    loss_of(module, segments, maps).backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad.abs().max() > 0, name
    assert all(feature.values.grad.abs().max() > 0 for feature in maps)


@pytest.mark.parametrize(
    ("contrast", "loss"),
    [
        (NtXentSettings(temperature=0.1), lambda x, y: nt_xent_loss(x, y, temperature=0.1)),
        (TripletSettings(margin=0.5), lambda x, y: triplet_loss(x, y, margin=0.5)),
        (SupConSettings(margin=0.3), lambda x, y: supcon_loss(x, y, margin=0.3)),
    ],
)
def test_other_contrasts(contrast, loss, segments, maps):
    module = build(MultiscaleSettings(maps="last", contrast=contrast))
    expected = loss(module.heads[0](maps[2]), segments.labels)
    torch.testing.assert_close(loss_of(module, segments, maps), expected)


def test_attention_is_of_the_embedding(segments, maps, vectors):
    prototypes = vectors(3, 5, seed=1).float()
    contrast = SupConSettings(attention=ClassAttentionSettings(sigma=0.2))
    module = build(MultiscaleSettings(maps="last", contrast=contrast), lambda: prototypes)
    attention = class_attention(segments.embeddings, segments.labels, prototypes, sigma=0.2)
    vector = module.heads[0](maps[2])
    expected = supcon_loss(vector, segments.labels, attention=attention)
    torch.testing.assert_close(loss_of(module, segments, maps), expected)


def test_frames_past_a_row_s_length_change_nothing(vectors):
    torch.manual_seed(0)
    head = MapHead(4, 8).eval()
    values = vectors(2, 4, 9).float()
    padded = torch.cat([values, torch.zeros(2, 4, 3)], dim=2)
    lengths = torch.tensor([9, 9])
    torch.testing.assert_close(
        head(FeatureMap(padded, lengths)), head(FeatureMap(values, lengths)), rtol=1e-5, atol=1e-6
    )


def test_vectors_of_half_precision_heads_are_contrasted_in_float32(maps):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        vectors = build(MultiscaleSettings()).head_vectors(maps)
    assert [each.dtype for each in vectors] == [torch.float32] * 3


def test_refuses_what_the_encoder_lacks():
    with pytest.raises(RecipeError, match=r"maps: \[1, 3\] given, but .* 0 to 2"):
        build(MultiscaleSettings(maps=(1, 3)))
    with pytest.raises(RecipeError, match=r"maps: \[1, 1\] given"):
        build(MultiscaleSettings(maps=(1, 1)))
    with pytest.raises(RecipeError, match="map_weights: 2 given for 3 maps"):
        build(MultiscaleSettings(map_weights=(1.0, 2.0)))
    with pytest.raises(RecipeError, match="no feature maps"):
        MultiscaleSettings().build(Site(5, (), 3))


def test_settings_refuse_a_second_weight():
    with pytest.raises(ValidationError, match="set weight, one level up"):
        MultiscaleSettings(contrast=SupConSettings(weight=0.01))

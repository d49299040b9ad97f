"""What holds for every encoder."""

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from contravox.encoders import (
    CamPlusPlus,
    CamPlusPlusSettings,
    EcapaTdnn,
    EcapaTdnnSettings,
    Encoder,
    EncoderSettings,
    FastResNet34,
    FastResNet34Settings,
    MfaConformer,
    MfaConformerSettings,
    ResNet34,
    ResNet34Settings,
)

BINS = 20
SMALL = [
    EcapaTdnnSettings(channels=16, scale=4, bottleneck=8, aggregation=24, embedding_size=12),
    MfaConformerSettings(
        blocks=2,
        size=16,
        heads=2,
        feed_forward=24,
        kernel_size=5,
        subsampling_channels=6,
        bottleneck=8,
        dropout=0.0,
        embedding_size=12,
    ),
    FastResNet34Settings(channels=8, blocks=(1, 2, 2, 1), embedding_size=12),
    FastResNet34Settings(channels=8, blocks=(1, 1, 1, 1), squeeze_excitation=False),
    FastResNet34Settings(channels=8, blocks=(1, 1, 1, 1), relu_before_norm=True),
    EcapaTdnnSettings(
        channels=16,
        scale=4,
        bottleneck=8,
        aggregation=24,
        attention_size=10,
        attention_norm=True,
        embedding_norm=True,
        embedding_size=12,
    ),
    EcapaTdnnSettings(
        channels=16,
        scale=4,
        bottleneck=8,
        aggregation=24,
        summed_inputs=False,
        aggregation_norm=True,
        padding="mirrored",
        variance_floor=1e-7,
        embedding_size=12,
    ),
    EcapaTdnnSettings(
        channels=16,
        scale=4,
        bottleneck=8,
        aggregation=24,
        sample_context=True,
        embedding_size=12,
    ),
    ResNet34Settings(channels=4, blocks=(1, 2, 2, 1), embedding_size=12),
    CamPlusPlusSettings(
        front_channels=8,
        channels=16,
        growth=8,
        bottleneck=12,
        layers=(2, 3, 2),
        embedding_size=12,
    ),
]
each_encoder = pytest.mark.parametrize("settings", SMALL, ids=lambda settings: settings.name)


def build(settings: EncoderSettings) -> Encoder:
    """An encoder whose normalisations move and shift, so that a leak of padding would show."""
    torch.manual_seed(0)
    encoder = settings.build(BINS)
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
        norms = nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm
        if isinstance(module, norms) and module.weight is not None:
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    return encoder.eval()


def padded(lengths: list[int], frames: int, filling: float = 0.0) -> Tensor:
    features = torch.full((len(lengths), BINS, frames), filling)
    for row, length in enumerate(lengths):
        generator = torch.Generator().manual_seed(row)
        features[row, :, :length] = torch.randn(BINS, length, generator=generator)
    return features


@each_encoder
def test_a_padded_batch_is_encoded_as_its_rows_one_by_one(settings: EncoderSettings) -> None:
    encoder, lengths = build(settings), [41, 8, 30, 1, 57]
    features = padded(lengths, 64, filling=3.0)
    with torch.no_grad():
        batch = encoder(features, torch.tensor(lengths))
        for row, length in enumerate(lengths):
            alone = encoder(features[row : row + 1, :, :length], torch.tensor([length]))
            torch.testing.assert_close(
                batch.embedding[row], alone.embedding[0], atol=1e-4, rtol=1e-4
            )
            for together, apart in zip(batch.maps, alone.maps, strict=True):
                valid = int(together.lengths[row])
                assert valid == int(apart.lengths[0]) == apart.values.shape[2]
                torch.testing.assert_close(
                    together.values[row, :, :valid], apart.values[0], atol=1e-4, rtol=1e-4
                )
                assert together.values[row, :, valid:].eq(0).all()


@each_encoder
def test_in_training_padding_changes_neither_outputs_nor_gradients(
    settings: EncoderSettings,
) -> None:
    lengths, results = [20, 31, 26], []
    for frames in (31, 48):
        encoder = build(settings).train()
        output = encoder(padded(lengths, frames), torch.tensor(lengths))
        output.embedding.square().sum().backward()
        gradients = [parameter.grad for parameter in encoder.parameters()]
        buffers = [buffer.float() for buffer in encoder.buffers()]
        results.append((output.embedding, gradients, buffers))
    torch.testing.assert_close(results[0], results[1], atol=1e-3, rtol=1e-3)


@each_encoder
def test_the_input_reaches_the_outputs_by_the_stem_alone(settings: EncoderSettings) -> None:
    features = padded([33, 20], 33).requires_grad_()
    output = build(settings).train()(features, torch.tensor([33, 20]))
    for values in (output.embedding, *(each.values for each in output.maps)):
        # Weighed, as normalisation takes the plain sum's gradient away.
        loss = (values * torch.linspace(-1, 1, values.numel()).view_as(values)).sum()
        [of_stem] = torch.autograd.grad(loss, output.stem, retain_graph=True)
        [direct] = torch.autograd.grad(loss, features, retain_graph=True)
        [by_stem] = torch.autograd.grad(output.stem, features, of_stem, retain_graph=True)
        assert direct.abs().max() > 0
        torch.testing.assert_close(by_stem, direct)


@each_encoder
def test_sizes_are_what_the_encoder_says(settings: EncoderSettings) -> None:
    encoder = build(settings)
    output = encoder(torch.randn(2, BINS, 33), torch.tensor([33, 33]))
    assert output.embedding.shape == (2, encoder.embedding_size)
    assert encoder.embedding_size == settings.embedding_size
    assert tuple(each.values.shape[1] for each in output.maps) == encoder.map_channels
    assert all(int(each.lengths[0]) == each.values.shape[2] for each in output.maps)


@each_encoder
def test_bfloat16_autocast_stays_near_float32(settings: EncoderSettings) -> None:
    encoder, lengths = build(settings), torch.tensor([40, 25])
    features = padded([40, 25], 40)
    with torch.no_grad():
        expected = encoder(features, lengths).embedding
        with torch.autocast("cpu", dtype=torch.bfloat16):
            embedding = encoder(features, lengths).embedding.float()
    assert torch.cosine_similarity(embedding, expected).min() > 0.99


@each_encoder
def test_gradients_are_finite_on_features_without_variance(settings: EncoderSettings) -> None:
    encoder = build(settings).train()
    encoder(torch.zeros(4, BINS, 30), torch.full((4,), 30)).embedding.sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@each_encoder
def test_default_weights_learn_to_tell_spectra_apart(settings: EncoderSettings) -> None:
    torch.manual_seed(0)
    encoder = settings.build(BINS)
    head = nn.Linear(settings.embedding_size, 4)
    optimiser = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=3e-3)
    spectra, labels = torch.randn(4, BINS, 1), torch.arange(4).repeat(4)

    def loss() -> Tensor:
        features = spectra[labels] + 2 * torch.randn(16, BINS, 24)
        output = encoder(features, torch.full((16,), 24))
        return nn.functional.cross_entropy(head(output.embedding), labels)

    # The last BatchNorm of CAM++ has no scale, so that its outputs grow by the head alone.
    for _ in range(150 if settings.name == "cam_plus_plus" else 25):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    assert loss() < 0.3, "chance is ln 4 = 1.39"


@pytest.mark.parametrize(
    ("settings", "bins", "millions"),
    [
        (EcapaTdnnSettings(channels=512), 80, 6.2),
        (EcapaTdnnSettings(channels=1024), 80, 14.7),
        (MfaConformerSettings(), 80, 19.8),
        (FastResNet34Settings(), 40, 1.4),
        (FastResNet34Settings(squeeze_excitation=False), 40, 1.4),
        (ResNet34Settings(), 80, 6.6),
        (CamPlusPlusSettings(), 80, 7.2),
    ],
)
def test_parameters_are_as_many_as_published(
    settings: EncoderSettings, bins: int, millions: float
) -> None:
    with torch.device("meta"):
        encoder = settings.build(bins)
    count = sum(parameter.numel() for parameter in encoder.parameters())
    assert round(count / 1e6, 1) == millions


@pytest.mark.parametrize(
    ("keys", "encoder"),
    [
        ({"name": "ecapa_tdnn", "channels": 16, "aggregation": 16}, EcapaTdnn),
        ({"name": "mfa_conformer", "blocks": 1, "size": 8, "heads": 2}, MfaConformer),
        ({"name": "fast_resnet34", "channels": 8}, FastResNet34),
        ({"name": "resnet34", "channels": 4}, ResNet34),
        ({"name": "cam_plus_plus", "layers": [1, 1, 1]}, CamPlusPlus),
    ],
)
def test_a_recipes_keys_build_the_encoder(keys: dict[str, object], encoder: type) -> None:
    settings = TypeAdapter(EncoderSettings).validate_python(keys)
    assert type(settings.build(BINS)) is encoder


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"name": "ecapa_tdnn", "channels": 20}, "a multiple of scale"),
        ({"name": "mfa_conformer", "size": 30, "heads": 4}, "a multiple of the 4 heads"),
        ({"name": "mfa_conformer", "kernel_size": 4}, "must be odd"),
        ({"name": "fast_resnet34", "blocks": [3, 4, 6]}, "Field required"),
        ({"name": "ecapa"}, "ecapa_tdnn"),
    ],
)
def test_impossible_settings_are_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(EncoderSettings).validate_python(keys)

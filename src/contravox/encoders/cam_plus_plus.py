"""CAM++."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from contravox.encoders.context_aware_masking import ContextAwareMasking
from contravox.encoders.encoder import Encoder, EncoderOutput, FeatureMap
from contravox.encoders.masking import frame_mask, masked_batch_norm, zero_padding
from contravox.encoders.pooling import StatisticsPooling
from contravox.encoders.residual_blocks import Stage, draw_convolutions
from contravox.settings import Settings, Size

Layers = Annotated[int, Field(ge=1, le=1000)]
DILATIONS = (1, 2, 2)
"""Of the local convolutions of each block."""


class CamPlusPlusSettings(Settings):
    """CAM++ (Wang et al. 2023, arXiv 2303.00332)."""

    name: Literal["cam_plus_plus"] = "cam_plus_plus"
    front_channels: Size = Field(32, description="channels of the two-dimensional front")
    channels: Size = Field(128, description="channels that the first frame layer puts out")
    growth: Size = Field(32, description="channels that each dense layer adds")
    bottleneck: int = Field(128, ge=2, le=65_536, description="channels inside a dense layer")
    layers: tuple[Layers, Layers, Layers] = Field(
        (12, 24, 16), description="dense layers of each of the three blocks"
    )
    embedding_size: Size = Field(512, description="d")

    def build(self, bins: int) -> "CamPlusPlus":
        """The encoder, its weights new, for features of so many bins."""
        return CamPlusPlus(self, bins)


class CamPlusPlus(Encoder):
    """CAM++, Wang et al. 2023 (arXiv 2303.00332), table 1.

    A small two-dimensional residual network that leaves an eighth of the frequencies; a frame
    layer that halves the frames; three blocks of densely connected layers with context-aware
    masking, each followed by a layer that halves the channels; statistics pooling; linear →
    BatchNorm without scale and shift. 7.2 M parameters with the default sizes and 80 bins, as
    published. The feature maps are what the three blocks pass on.
    """

    def __init__(self, settings: CamPlusPlusSettings, bins: int) -> None:
        super().__init__()
        self.embedding_size = settings.embedding_size
        self.front = ConvolutionFront(settings.front_channels)
        frequencies = (bins + 7) // 8
        self.first = nn.Conv1d(
            settings.front_channels * frequencies,
            settings.channels,
            kernel_size=5,
            stride=2,
            padding=2,
            bias=False,
        )
        self.first_norm = nn.BatchNorm1d(settings.channels)
        self.blocks = nn.ModuleList()
        self.transitions = nn.ModuleList()
        channels, map_channels = settings.channels, []
        for layers, dilation in zip(settings.layers, DILATIONS, strict=True):
            self.blocks.append(DenseBlock(channels, layers, dilation, settings))
            channels += layers * settings.growth
            self.transitions.append(PreNormLayer(channels, channels // 2))
            channels //= 2
            map_channels.append(channels)
        self.map_channels = tuple(map_channels)
        self.last_norm = nn.BatchNorm1d(channels)
        self.pooling = StatisticsPooling(epsilon=1e-12)
        self.embedding = nn.Linear(2 * channels, settings.embedding_size, bias=False)
        self.embedding_norm = nn.BatchNorm1d(settings.embedding_size, affine=False)
        draw_convolutions(self.front)
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, features: Tensor, lengths: Tensor) -> EncoderOutput:
        stem, values = self.front(features, lengths)
        lengths = (lengths - 1) // 2 + 1
        values = self.first(values)
        mask = frame_mask(lengths, values.shape[-1])
        values = masked_batch_norm(self.first_norm, values, mask).relu_()
        maps: list[FeatureMap] = []
        for block, transition in zip(self.blocks, self.transitions, strict=True):
            values = transition(block(values, mask), mask)
            maps.append(FeatureMap(values, lengths))
        pooled = self.pooling(masked_batch_norm(self.last_norm, values, mask).relu(), lengths)
        embedding = self.embedding_norm(self.embedding(pooled))
        return EncoderOutput(embedding, tuple(maps), stem)


class ConvolutionFront(nn.Module):
    """The front-end convolution module of section 2.3: strides are of frequencies alone.

    (N, bins, frames) to (N, channels · bins / 8, frames), bins rounded up at every halving.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.stages = nn.ModuleList(Stage(channels, channels, 2, (2, 1)) for _ in range(2))
        self.last = nn.Conv2d(channels, channels, 3, stride=(2, 1), padding=1, bias=False)
        self.last_norm = nn.BatchNorm2d(channels)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """What the first convolution puts out, and the result."""
        mask = frame_mask(lengths, features.shape[-1])
        image = zero_padding(features, mask)[:, None]
        stem = values = masked_batch_norm(self.first_norm, self.first(image), mask).relu_()
        for stage in self.stages:
            values, lengths = stage(values, lengths)
        values = masked_batch_norm(self.last_norm, self.last(values), mask).relu_()
        return stem, values.flatten(1, 2)


class PreNormLayer(nn.Module):
    """BatchNorm → ReLU → linear on each frame; zero on frames that are not valid."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(inputs)
        self.linear = nn.Conv1d(inputs, outputs, kernel_size=1, bias=False)

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        return self.linear(masked_batch_norm(self.norm, values, mask).relu_())


class DenseLayer(nn.Module):
    """Bottleneck → BatchNorm → ReLU → convolution with context-aware masking."""

    def __init__(self, inputs: int, dilation: int, settings: CamPlusPlusSettings) -> None:
        super().__init__()
        self.bottleneck = PreNormLayer(inputs, settings.bottleneck)
        self.norm = nn.BatchNorm1d(settings.bottleneck)
        self.masking = ContextAwareMasking(settings.bottleneck, settings.growth, dilation)

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        hidden = self.bottleneck(values, mask)
        return self.masking(masked_batch_norm(self.norm, hidden, mask).relu_(), mask)


class DenseBlock(nn.Module):
    """Dense layers, each fed the input and what all earlier ones put out.

    Yu and Li 2020 (INTERSPEECH), "Densely connected time delay neural network".
    """

    def __init__(
        self, inputs: int, layers: int, dilation: int, settings: CamPlusPlusSettings
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DenseLayer(inputs + layer * settings.growth, dilation, settings)
            for layer in range(layers)
        )

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        for layer in self.layers:
            values = torch.cat([values, layer(values, mask)], dim=1)
        return values

"""ECAPA-TDNN."""

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from contravox.encoders.encoder import Encoder, EncoderOutput, FeatureMap
from contravox.encoders.masking import frame_mask, masked_batch_norm, zero_padding
from contravox.encoders.pooling import VARIANCE_FLOOR, AttentiveStatisticsPooling
from contravox.encoders.squeeze_excitation import SqueezeExcitation
from contravox.features.mirrored_padding import mirrored
from contravox.settings import Settings, Size


class EcapaTdnnSettings(Settings):
    """ECAPA-TDNN (Desplanques et al. 2020, arXiv 2005.07143).

    The keys after ``embedding_norm`` say what public codes do otherwise than the paper.
    """

    name: Literal["ecapa_tdnn"] = "ecapa_tdnn"
    channels: Size = Field(
        512, description="channels of every frame layer, C of the paper: 512 or 1024"
    )
    scale: int = Field(8, ge=2, le=256, description="groups of a Res2 convolution")
    bottleneck: Size = Field(128, description="units of squeeze-excitation and of the attention")
    aggregation: Size = Field(
        1536, description="channels into which the blocks' outputs are mixed before pooling"
    )
    attention_size: Size | None = Field(
        None, description="hidden units of the attention; null: bottleneck"
    )
    attention_norm: bool = Field(
        False, description="ReLU and BatchNorm before the tanh of the attention"
    )
    embedding_norm: bool = Field(False, description="BatchNorm after the last linear layer")
    summed_inputs: bool = Field(
        True,
        description="a block sees the sum of all earlier outputs; SpeechBrain, WeSpeaker: the last",
    )
    aggregation_norm: bool = Field(
        False, description="BatchNorm after the aggregation; SpeechBrain: true"
    )
    padding: Literal["zeros", "mirrored"] = Field(
        "zeros",
        description="what convolutions see past the ends; SpeechBrain: the segment mirrored",
    )
    global_context: bool = Field(
        True, description="the attention sees the mean and deviation of the segment"
    )
    sample_context: bool = Field(
        False, description="their variance is that of a sample; WeSpeaker: true"
    )
    variance_floor: float = Field(
        VARIANCE_FLOOR,
        gt=0,
        le=1,
        description="least variance of a channel in pooling; SpeechBrain: 1e-12, WeSpeaker: 1e-7",
    )
    embedding_size: Size = Field(192, description="d")

    @model_validator(mode="after")
    def _groups_are_equal(self) -> "EcapaTdnnSettings":
        if self.channels % self.scale:
            raise ValueError(
                f"channels {self.channels} cannot be parted into {self.scale} equal groups: "
                f"make channels a multiple of scale"
            )
        return self

    def build(self, bins: int) -> "EcapaTdnn":
        """The encoder, its weights new, for features of so many bins."""
        return EcapaTdnn(self, bins)


class EcapaTdnn(Encoder):
    """ECAPA-TDNN, Desplanques et al. 2020 (arXiv 2005.07143), figure 2.

    6.2 M parameters with 512 channels, 14.7 M with 1024, as published. Each block's input is the
    sum of all earlier outputs (section 3.3). The feature maps are the outputs of the three
    SE-Res2Blocks.
    """

    def __init__(self, settings: EcapaTdnnSettings, bins: int) -> None:
        super().__init__()
        channels, aggregation = settings.channels, settings.aggregation
        self.embedding_size = settings.embedding_size
        self.map_channels = (channels,) * 3
        self.summed_inputs = settings.summed_inputs
        mirror = settings.padding == "mirrored"
        self.first = FrameLayer(bins, channels, kernel_size=5, mirror=mirror)
        self.blocks = nn.ModuleList(
            SERes2Block(channels, settings.scale, settings.bottleneck, dilation, mirror)
            for dilation in (2, 3, 4)
        )
        self.aggregate = nn.Conv1d(3 * channels, aggregation, kernel_size=1)
        self.aggregation_norm = nn.BatchNorm1d(aggregation) if settings.aggregation_norm else None
        self.pooling = AttentiveStatisticsPooling(
            aggregation,
            settings.attention_size or settings.bottleneck,
            global_context=settings.global_context,
            attention_norm=settings.attention_norm,
            variance_floor=settings.variance_floor,
            sample_context=settings.sample_context,
        )
        self.norm = nn.BatchNorm1d(2 * aggregation)
        self.embedding = nn.Linear(2 * aggregation, settings.embedding_size)
        self.embedding_norm = (
            nn.BatchNorm1d(settings.embedding_size) if settings.embedding_norm else nn.Identity()
        )

    def forward(self, features: Tensor, lengths: Tensor) -> EncoderOutput:
        mask = frame_mask(lengths, features.shape[-1])
        stem = total = self.first(zero_padding(features, mask), mask)
        outputs: list[Tensor] = []
        for block in self.blocks:
            if outputs:
                total = total + outputs[-1] if self.summed_inputs else outputs[-1]
            outputs.append(block(total, mask))
        aggregated = self.aggregate(torch.cat(outputs, dim=1)).relu()
        if self.aggregation_norm is not None:
            aggregated = masked_batch_norm(self.aggregation_norm, aggregated, mask)
        pooled = self.pooling(aggregated, lengths)
        embedding = self.embedding_norm(self.embedding(self.norm(pooled)))
        maps = tuple(FeatureMap(values, lengths) for values in outputs)
        return EncoderOutput(embedding, maps, stem)


class FrameLayer(nn.Module):
    """Convolution over time → ReLU → BatchNorm, as many frames out as in.

    mirror: whether the segment goes on mirrored past its ends, not with zeros.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int = 1,
        dilation: int = 1,
        *,
        mirror: bool = False,
    ) -> None:
        super().__init__()
        padding = (kernel_size - 1) // 2 * dilation
        self.mirrored = padding if mirror else 0
        padding -= self.mirrored
        self.convolution = nn.Conv1d(
            inputs, outputs, kernel_size, dilation=dilation, padding=padding
        )
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        if self.mirrored:
            values = mirrored(values, self.mirrored, mask)
        return masked_batch_norm(self.norm, self.convolution(values).relu_(), mask)


class Res2Layer(nn.Module):
    """Frame layers on groups of channels, each fed the output of the one before.

    Gao et al. 2019 (arXiv 1904.01169) eq. 1: the first group passes as it is.
    """

    def __init__(self, channels: int, scale: int, dilation: int, mirror: bool = False) -> None:
        super().__init__()
        width = channels // scale
        self.layers = nn.ModuleList(
            FrameLayer(width, width, kernel_size=3, dilation=dilation, mirror=mirror)
            for _ in range(scale - 1)
        )

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        first, *groups = values.chunk(len(self.layers) + 1, dim=1)
        outputs = [first]
        for index, (layer, group) in enumerate(zip(self.layers, groups, strict=True)):
            outputs.append(layer(group if index == 0 else group + outputs[-1], mask))
        return torch.cat(outputs, dim=1)


class SERes2Block(nn.Module):
    """Frame layer → Res2 layer → frame layer → squeeze-excitation, around a shortcut."""

    def __init__(
        self, channels: int, scale: int, bottleneck: int, dilation: int, mirror: bool = False
    ) -> None:
        super().__init__()
        self.first = FrameLayer(channels, channels)
        self.middle = Res2Layer(channels, scale, dilation, mirror)
        self.last = FrameLayer(channels, channels)
        self.squeeze_excitation = SqueezeExcitation(channels, bottleneck)

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        hidden = self.last(self.middle(self.first(values, mask), mask), mask)
        return values + self.squeeze_excitation(hidden, mask)

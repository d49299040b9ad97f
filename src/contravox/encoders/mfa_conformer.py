"""MFA-Conformer."""

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from contravox.encoders.conformer_block import ConformerBlock, relative_positions
from contravox.encoders.encoder import Encoder, EncoderOutput, FeatureMap
from contravox.encoders.linear import Linear
from contravox.encoders.masking import frame_mask, zero_padding
from contravox.encoders.pooling import AttentiveStatisticsPooling
from contravox.settings import Settings, Size


class MfaConformerSettings(Settings):
    """MFA-Conformer (Zhang et al. 2022, arXiv 2203.15249)."""

    name: Literal["mfa_conformer"] = "mfa_conformer"
    blocks: int = Field(6, ge=1, le=100, description="Conformer blocks")
    size: Size = Field(256, description="channels of each block")
    heads: Size = Field(4, description="heads of the attention")
    feed_forward: Size = Field(2048, description="hidden units of each feed-forward half")
    kernel_size: int = Field(15, ge=1, le=1001, description="frames of the depthwise convolution")
    subsampling_channels: Size = Field(
        256, description="channels of the convolution that halves the frames"
    )
    bottleneck: Size = Field(128, description="units of the pooling's attention")
    attention_norm: bool = Field(
        False,
        description="ReLU and BatchNorm before the tanh of the pooling, as in MFCon's public code",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="share of units left out in training")
    embedding_size: Size = Field(192, description="d")

    @model_validator(mode="after")
    def _sizes_fit(self) -> "MfaConformerSettings":
        if self.size % self.heads or self.size % 2:
            raise ValueError(
                f"size {self.size} must be even and a multiple of the {self.heads} heads"
            )
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size {self.kernel_size} must be odd to be centred")
        return self

    def build(self, bins: int) -> "MfaConformer":
        """The encoder, its weights new, for features of so many bins."""
        return MfaConformer(self, bins)


class MfaConformer(Encoder):
    """Multi-scale feature aggregation Conformer, Zhang et al. 2022 (arXiv 2203.15249).

    Convolution subsampling by two → Conformer blocks → all blocks' outputs side by side →
    LayerNorm → attentive statistics pooling → BatchNorm → linear. The feature maps are the
    blocks' outputs. 19.8 M parameters with the default sizes and 80 bins (about 20 M published).
    """

    def __init__(self, settings: MfaConformerSettings, bins: int) -> None:
        super().__init__()
        self.embedding_size = settings.embedding_size
        self.map_channels = (settings.size,) * settings.blocks
        self.subsampling = ConvolutionSubsampling(
            bins, settings.subsampling_channels, settings.size
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.blocks = nn.ModuleList(
            ConformerBlock(
                settings.size,
                settings.heads,
                settings.feed_forward,
                settings.kernel_size,
                settings.dropout,
            )
            for _ in range(settings.blocks)
        )
        aggregation = settings.blocks * settings.size
        self.aggregation_norm = nn.LayerNorm(aggregation)
        self.pooling = AttentiveStatisticsPooling(
            aggregation,
            settings.bottleneck,
            global_context=True,
            attention_norm=settings.attention_norm,
        )
        self.norm = nn.BatchNorm1d(2 * aggregation)
        self.embedding = nn.Linear(2 * aggregation, settings.embedding_size)

    def forward(self, features: Tensor, lengths: Tensor) -> EncoderOutput:
        features = zero_padding(features, frame_mask(lengths, features.shape[-1]))
        stem = values = self.dropout(self.subsampling(features))
        lengths = (lengths - 1) // 2 + 1
        mask = frame_mask(lengths, values.shape[1])
        positions = relative_positions(values.shape[1], values.shape[2], like=values)
        outputs: list[Tensor] = []
        for block in self.blocks:
            values = block(values, positions, mask)
            outputs.append(values)
        aggregated = self.aggregation_norm(torch.cat(outputs, dim=2)).transpose(1, 2)
        embedding = self.embedding(self.norm(self.pooling(aggregated, lengths)))
        maps = (zero_padding(values.transpose(1, 2), mask) for values in outputs)
        return EncoderOutput(embedding, tuple(FeatureMap(each, lengths) for each in maps), stem)


class ConvolutionSubsampling(nn.Module):
    """Convolution 3×3 with stride 2 in time and frequency → ReLU → linear over what is left.

    (N, bins, frames) to (N, (frames + 1) // 2, size).
    """

    def __init__(self, bins: int, channels: int, size: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, channels, kernel_size=3, stride=2, padding=1)
        self.linear = Linear(channels * ((bins + 1) // 2), size)

    def forward(self, features: Tensor) -> Tensor:
        # In channels_last memory a frame's frequencies and channels lie together, so that the
        # linear layer needs no copy of the largest tensor there is.
        image = features.transpose(1, 2)[:, None].contiguous(memory_format=torch.channels_last)
        return self.linear(self.convolution(image).relu_().permute(0, 2, 3, 1).flatten(2))

"""Fast ResNet-34."""

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from contravox.encoders.encoder import Encoder, EncoderOutput, FeatureMap
from contravox.encoders.masking import frame_mask, masked_batch_norm, zero_padding
from contravox.encoders.pooling import SelfAttentivePooling
from contravox.encoders.residual_blocks import BlocksOfStages, Stage, draw_convolutions
from contravox.settings import Settings, Size


class FastResNet34Settings(Settings):
    """Fast ResNet-34 (Chung et al. 2020, arXiv 2003.11982)."""

    name: Literal["fast_resnet34"] = "fast_resnet34"
    channels: int = Field(
        16, ge=8, le=4096, description="channels of the first stage, doubled from stage to stage"
    )
    blocks: BlocksOfStages = (3, 4, 6, 3)
    squeeze_excitation: bool = Field(
        True,
        description="blocks weigh their channels, as in the paper's public code, not its text",
    )
    relu_before_norm: bool = Field(
        False,
        description="its first convolution is followed by ReLU, then BatchNorm, as in that code",
    )
    embedding_size: Size = Field(512, description="d")

    def build(self, bins: int) -> "FastResNet34":
        """The encoder, its weights new, for features of so many bins."""
        return FastResNet34(self, bins)


class FastResNet34(Encoder):
    """Fast ResNet-34, Chung et al. 2020, "In defence of metric learning" (arXiv 2003.11982).

    A ResNet-34 with a quarter of the channels (16-32-64-128), whose first convolution (7×7)
    halves the frequencies and whose second and third stage halve frequencies and frames. The
    mean over frequencies goes through self-attentive pooling and a linear layer. 1.4 M parameters,
    as published. The feature maps are the four stages with channels and frequencies as one axis.
    """

    def __init__(self, settings: FastResNet34Settings, bins: int) -> None:
        super().__init__()
        channels = [settings.channels * 2**stage for stage in range(4)]
        self.embedding_size = settings.embedding_size
        self.convolution = nn.Conv2d(
            1, channels[0], kernel_size=7, stride=(2, 1), padding=3, bias=False
        )
        self.norm = nn.BatchNorm2d(channels[0])
        self.stages = nn.ModuleList()
        inputs, frequencies, map_channels = channels[0], (bins + 1) // 2, []
        for outputs, blocks, stride in zip(channels, settings.blocks, (1, 2, 2, 1), strict=True):
            self.stages.append(
                Stage(
                    inputs,
                    outputs,
                    blocks,
                    (stride, stride),
                    squeeze_excitation=settings.squeeze_excitation,
                    relu_before_norm=settings.relu_before_norm,
                )
            )
            inputs, frequencies = outputs, (frequencies - 1) // stride + 1
            map_channels.append(outputs * frequencies)
        self.map_channels = tuple(map_channels)
        self.pooling = SelfAttentivePooling(channels[-1])
        self.embedding = nn.Linear(channels[-1], settings.embedding_size)
        draw_convolutions(self)

    def forward(self, features: Tensor, lengths: Tensor) -> EncoderOutput:
        mask = frame_mask(lengths, features.shape[-1])
        image = zero_padding(features, mask)[:, None]
        stem = values = masked_batch_norm(self.norm, self.convolution(image), mask).relu_()
        maps: list[FeatureMap] = []
        for stage in self.stages:
            values, lengths = stage(values, lengths)
            maps.append(FeatureMap(values.flatten(1, 2), lengths))
        embedding = self.embedding(self.pooling(values.mean(dim=2), lengths))
        return EncoderOutput(embedding, tuple(maps), stem)

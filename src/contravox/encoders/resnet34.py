"""ResNet-34 with statistics pooling."""

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from contravox.encoders.encoder import Encoder, EncoderOutput, FeatureMap
from contravox.encoders.masking import frame_mask, masked_batch_norm, zero_padding
from contravox.encoders.pooling import StatisticsPooling
from contravox.encoders.residual_blocks import BlocksOfStages, Stage, draw_convolutions
from contravox.settings import Settings, Size


class ResNet34Settings(Settings):
    """ResNet-34 with statistics pooling, as WeSpeaker has it."""

    name: Literal["resnet34"] = "resnet34"
    channels: int = Field(
        32, ge=1, le=4096, description="channels of the first stage, doubled from stage to stage"
    )
    blocks: BlocksOfStages = (3, 4, 6, 3)
    embedding_size: Size = Field(256, description="d")

    def build(self, bins: int) -> "ResNet34":
        """The encoder, its weights new, for features of so many bins."""
        return ResNet34(self, bins)


class ResNet34(Encoder):
    """ResNet-34 for speakers, Zeinali et al. 2019 (arXiv 1910.12592), table 1, as in WeSpeaker.

    Half the channels of He et al. 2016 (32-64-128-256), a first convolution of 3×3 without stride
    and no pooling after it; the last three stages halve frequencies and frames. Channels and
    frequencies as one axis go through statistics pooling and a linear layer. 6.6 M parameters with
    the default sizes and 80 bins, as published. The feature maps are the four stages.
    """

    def __init__(self, settings: ResNet34Settings, bins: int) -> None:
        super().__init__()
        self.embedding_size = settings.embedding_size
        channels = [settings.channels * 2**stage for stage in range(4)]
        self.convolution = nn.Conv2d(1, channels[0], kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels[0])
        self.stages = nn.ModuleList()
        inputs, frequencies, map_channels = channels[0], bins, []
        for outputs, blocks, stride in zip(channels, settings.blocks, (1, 2, 2, 2), strict=True):
            self.stages.append(Stage(inputs, outputs, blocks, (stride, stride)))
            inputs, frequencies = outputs, (frequencies - 1) // stride + 1
            map_channels.append(outputs * frequencies)
        self.map_channels = tuple(map_channels)
        self.pooling = StatisticsPooling(epsilon=1e-7)
        self.embedding = nn.Linear(2 * map_channels[-1], settings.embedding_size)
        draw_convolutions(self)

    def forward(self, features: Tensor, lengths: Tensor) -> EncoderOutput:
        mask = frame_mask(lengths, features.shape[-1])
        image = zero_padding(features, mask)[:, None]
        stem = values = masked_batch_norm(self.norm, self.convolution(image), mask).relu_()
        maps: list[FeatureMap] = []
        for stage in self.stages:
            values, lengths = stage(values, lengths)
            maps.append(FeatureMap(values.flatten(1, 2), lengths))
        embedding = self.embedding(self.pooling(maps[-1].values, lengths))
        return EncoderOutput(embedding, tuple(maps), stem)

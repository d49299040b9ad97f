"""Fast ResNet-34."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from contravox.encoders.encoder import Encoder, EncoderOutput, FeatureMap
from contravox.encoders.masking import frame_mask, masked_batch_norm, zero_padding
from contravox.encoders.pooling import SelfAttentivePooling
from contravox.encoders.squeeze_excitation import SqueezeExcitation
from contravox.settings import Settings, Size

Blocks = Annotated[int, Field(ge=1, le=100)]


class FastResNet34Settings(Settings):
    """channels: of the first stage, doubled from stage to stage; blocks: of each stage;
    squeeze_excitation: whether blocks weigh their channels, as the paper's public code does and
    its text does not say; relu_before_norm: whether a block's first convolution is followed by
    ReLU and then BatchNorm, as in that code."""

    name: Literal["fast_resnet34"] = "fast_resnet34"
    channels: int = Field(16, ge=8, le=4096)
    blocks: tuple[Blocks, Blocks, Blocks, Blocks] = (3, 4, 6, 3)
    squeeze_excitation: bool = True
    relu_before_norm: bool = False
    embedding_size: Size = 512


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
            self.stages.append(Stage(inputs, outputs, blocks, stride, settings))
            inputs, frequencies = outputs, (frequencies - 1) // stride + 1
            map_channels.append(outputs * frequencies)
        self.map_channels = tuple(map_channels)
        self.pooling = SelfAttentivePooling(channels[-1])
        self.embedding = nn.Linear(channels[-1], settings.embedding_size)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                # Weights in this order make a CPU's step a sixth faster; tensor cores want it too.
                weight = module.weight.detach().contiguous(memory_format=torch.channels_last)
                module.weight = nn.Parameter(weight)

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


class Stage(nn.Module):
    """Residual blocks of one width, the first of which takes the stride."""

    def __init__(
        self, inputs: int, outputs: int, blocks: int, stride: int, settings: FastResNet34Settings
    ) -> None:
        super().__init__()
        self.stride = stride
        self.blocks = nn.ModuleList(
            ResidualBlock(
                inputs if block == 0 else outputs,
                outputs,
                stride if block == 0 else 1,
                settings,
            )
            for block in range(blocks)
        )

    def forward(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(N, inputs, bins, frames) to (N, outputs, bins / stride, frames / stride), rounded up,
        and the valid frames of each row that are left."""
        lengths = (lengths - 1) // self.stride + 1
        mask = frame_mask(lengths, (values.shape[-1] - 1) // self.stride + 1)
        for block in self.blocks:
            values = block(values, mask)
        return values, lengths


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut, He et al. 2016 (arXiv 1512.03385), figure 5 left."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, settings: FastResNet34Settings
    ) -> None:
        super().__init__()
        self.relu_before_norm = settings.relu_before_norm
        self.stride = stride
        self.first = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.last = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.last_norm = nn.BatchNorm2d(outputs)
        self.squeeze_excitation = (
            SqueezeExcitation(outputs, outputs // 8) if settings.squeeze_excitation else None
        )
        self.shortcut: nn.Conv2d | None = None
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False)
            self.shortcut_norm = nn.BatchNorm2d(outputs)

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        """(N, inputs, bins, frames) to the same, or to half the bins and frames.

        mask: (N, frames) valid frames of the output, or None if all are.
        """
        hidden = self.first(values)
        if self.relu_before_norm:
            hidden = masked_batch_norm(self.first_norm, hidden.relu_(), mask)
        else:
            hidden = masked_batch_norm(self.first_norm, hidden, mask).relu_()
        hidden = masked_batch_norm(self.last_norm, self.last(hidden), mask)
        if self.squeeze_excitation is not None:
            hidden = self.squeeze_excitation(hidden, mask)
        if self.shortcut is not None:
            # Not a convolution with a stride: the gradient of one of so small a kernel is what
            # oneDNN crashes at on CPUs with AVX-512 (torch 2.13).
            values = values[:, :, :: self.stride, :: self.stride]
            values = masked_batch_norm(self.shortcut_norm, self.shortcut(values), mask)
        return (hidden + values).relu_()

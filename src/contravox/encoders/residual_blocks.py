"""Residual blocks on images of frequencies and frames."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from contravox.encoders.masking import frame_mask, masked_batch_norm
from contravox.encoders.squeeze_excitation import SqueezeExcitation

Stride = tuple[int, int]
"""Of frequencies, and of frames."""

_Blocks = Annotated[int, Field(ge=1, le=100)]

BlocksOfStages = Annotated[
    tuple[_Blocks, _Blocks, _Blocks, _Blocks], Field(description="blocks of each stage")
]


class Stage(nn.Module):
    """Residual blocks of one width, the first of which takes the stride."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        blocks: int,
        stride: Stride,
        *,
        squeeze_excitation: bool = False,
        relu_before_norm: bool = False,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.blocks = nn.ModuleList(
            ResidualBlock(
                inputs if block == 0 else outputs,
                outputs,
                stride if block == 0 else (1, 1),
                squeeze_excitation=squeeze_excitation,
                relu_before_norm=relu_before_norm,
            )
            for block in range(blocks)
        )

    def forward(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(N, inputs, bins, frames) to (N, outputs, bins / stride, frames / stride), rounded up.

        With the valid frames of each row that are left.
        """
        of_frames = self.stride[1]
        lengths = (lengths - 1) // of_frames + 1
        mask = frame_mask(lengths, (values.shape[-1] - 1) // of_frames + 1)
        for block in self.blocks:
            values = block(values, mask)
        return values, lengths


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut, He et al. 2016 (arXiv 1512.03385), figure 5 left."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: Stride = (1, 1),
        *,
        squeeze_excitation: bool = False,
        relu_before_norm: bool = False,
    ) -> None:
        super().__init__()
        self.relu_before_norm = relu_before_norm
        self.stride = stride
        self.first = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.last = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.last_norm = nn.BatchNorm2d(outputs)
        self.squeeze_excitation = (
            SqueezeExcitation(outputs, outputs // 8) if squeeze_excitation else None
        )
        self.shortcut: nn.Conv2d | None = None
        if stride != (1, 1) or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False)
            self.shortcut_norm = nn.BatchNorm2d(outputs)

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        """(N, inputs, bins, frames) to as many outputs, bins and frames divided by the stride.

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
            values = masked_batch_norm(self.shortcut_norm, self._shortcut(values), mask)
        return (hidden + values).relu_()

    def _shortcut(self, values: Tensor) -> Tensor:
        assert self.shortcut is not None
        if torch.compiler.is_exporting():
            return functional.conv2d(values, self.shortcut.weight, stride=self.stride)
        # Not a convolution with a stride: the gradient of one of so small a kernel is what oneDNN
        # crashes at on CPUs with AVX-512 (torch 2.13).
        return self.shortcut(values[:, :, :: self.stride[0], :: self.stride[1]])


def draw_convolutions(module: nn.Module) -> None:
    """Draw the weights of all two-dimensional convolutions anew, He et al. 2015 (arXiv 1502.01852).

    In channels_last order, which makes a CPU's step a sixth faster; tensor cores want it too.
    """
    for each in module.modules():
        if isinstance(each, nn.Conv2d):
            nn.init.kaiming_normal_(each.weight, mode="fan_out", nonlinearity="relu")
            weight = each.weight.detach().contiguous(memory_format=torch.channels_last)
            each.weight = nn.Parameter(weight)

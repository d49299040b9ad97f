import pytest
import torch
from torch.nn import functional

from contravox.encoders.residual_blocks import ResidualBlock


@pytest.mark.parametrize("stride", [(2, 2), (2, 1)])
def test_a_residual_block_is_two_convolutions_around_a_strided_shortcut(
    stride: tuple[int, int],
) -> None:
    torch.manual_seed(0)
    block = ResidualBlock(4, 8, stride).eval()
    values, scale = torch.randn(2, 4, 6, 9), (1 + 1e-5) ** -0.5
    assert block.shortcut is not None
    first = functional.conv2d(values, block.first.weight, stride=stride, padding=1) * scale
    last = functional.conv2d(first.relu(), block.last.weight, padding=1) * scale
    shortcut = (
        functional.conv2d(values[:, :, :: stride[0], :: stride[1]], block.shortcut.weight) * scale
    )
    torch.testing.assert_close(block(values, None), (last + shortcut).relu())


def test_relu_before_norm_is_another_order_of_the_same_layers() -> None:
    torch.manual_seed(0)
    block = ResidualBlock(4, 4, relu_before_norm=True).eval()
    torch.nn.init.normal_(block.first_norm.running_mean)  # else the order would not matter
    values, scale = torch.randn(2, 4, 6, 9), (1 + 1e-5) ** -0.5
    first = functional.conv2d(values, block.first.weight, padding=1).relu()
    first = (first - block.first_norm.running_mean[:, None, None]) * scale
    last = functional.conv2d(first, block.last.weight, padding=1) * scale
    torch.testing.assert_close(block(values, None), (last + values).relu())
    assert block.state_dict().keys() == ResidualBlock(4, 4).state_dict().keys()

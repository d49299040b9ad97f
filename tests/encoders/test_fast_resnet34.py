import torch
from torch.nn import functional

from contravox.encoders.fast_resnet34 import FastResNet34, FastResNet34Settings, ResidualBlock


def test_frequencies_and_frames_are_reduced_early() -> None:
    encoder = FastResNet34(FastResNet34Settings(blocks=(1, 1, 1, 1)), 40).eval()
    maps = encoder(torch.randn(1, 40, 101), torch.tensor([101])).maps
    shapes = [tuple(each.values.shape[1:]) for each in maps]
    assert shapes == [(16 * 20, 101), (32 * 10, 51), (64 * 5, 26), (128 * 5, 26)]


def test_a_residual_block_is_two_convolutions_around_a_strided_shortcut() -> None:
    torch.manual_seed(0)
    settings = FastResNet34Settings(squeeze_excitation=False)
    block = ResidualBlock(4, 8, 2, settings).eval()
    values, scale = torch.randn(2, 4, 6, 9), (1 + 1e-5) ** -0.5
    assert block.shortcut is not None
    first = functional.conv2d(values, block.first.weight, stride=2, padding=1) * scale
    last = functional.conv2d(first.relu(), block.last.weight, padding=1) * scale
    shortcut = functional.conv2d(values[:, :, ::2, ::2], block.shortcut.weight) * scale
    torch.testing.assert_close(block(values, None), (last + shortcut).relu())


def test_relu_before_norm_is_another_order_of_the_same_layers() -> None:
    torch.manual_seed(0)
    settings = FastResNet34Settings(squeeze_excitation=False, relu_before_norm=True)
    block = ResidualBlock(4, 4, 1, settings).eval()
    torch.nn.init.normal_(block.first_norm.running_mean)  # else the order would not matter
    values, scale = torch.randn(2, 4, 6, 9), (1 + 1e-5) ** -0.5
    first = functional.conv2d(values, block.first.weight, padding=1).relu()
    first = (first - block.first_norm.running_mean[:, None, None]) * scale
    last = functional.conv2d(first, block.last.weight, padding=1) * scale
    torch.testing.assert_close(block(values, None), (last + values).relu())
    assert (
        block.state_dict().keys()
        == ResidualBlock(4, 4, 1, FastResNet34Settings(squeeze_excitation=False))
        .state_dict()
        .keys()
    )


def test_no_small_kernel_has_a_stride() -> None:
    # The gradient of a strided 1×1 convolution of 8 channels ends the process on AVX-512 CPUs.
    encoder = FastResNet34(FastResNet34Settings(channels=8, blocks=(1, 1, 1, 1)), 40)
    kernels = [layer for layer in encoder.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert len(kernels) > 8
    assert all(layer.stride == (1, 1) for layer in kernels if layer.kernel_size == (1, 1))
    encoder(torch.randn(4, 40, 118), torch.full((4,), 118)).embedding.sum().backward()

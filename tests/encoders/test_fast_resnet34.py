import torch

from contravox.encoders.fast_resnet34 import FastResNet34, FastResNet34Settings


def test_frequencies_and_frames_are_reduced_early() -> None:
    encoder = FastResNet34(FastResNet34Settings(blocks=(1, 1, 1, 1)), 40).eval()
    maps = encoder(torch.randn(1, 40, 101), torch.tensor([101])).maps
    shapes = [tuple(each.values.shape[1:]) for each in maps]
    assert shapes == [(16 * 20, 101), (32 * 10, 51), (64 * 5, 26), (128 * 5, 26)]


def test_no_small_kernel_has_a_stride() -> None:
    # The gradient of a strided 1×1 convolution of 8 channels ends the process on AVX-512 CPUs.
    encoder = FastResNet34(FastResNet34Settings(channels=8, blocks=(1, 1, 1, 1)), 40)
    kernels = [layer for layer in encoder.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert len(kernels) > 8
    assert all(layer.stride == (1, 1) for layer in kernels if layer.kernel_size == (1, 1))
    encoder(torch.randn(4, 40, 118), torch.full((4,), 118)).embedding.sum().backward()

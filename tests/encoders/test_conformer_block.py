import torch
from torch import nn
from torch.nn import functional

from contravox.encoders.conformer_block import ConformerBlock, ConvolutionModule, relative_positions


def test_the_convolution_module_is_that_of_a_one_dimensional_convolution() -> None:
    torch.manual_seed(0)
    module = ConvolutionModule(6, kernel_size=5).eval()
    values = torch.randn(2, 9, 6)
    doubled = module.gate[0](module.norm(values))
    gated = (doubled[..., :6] * torch.sigmoid(doubled[..., 6:])).transpose(1, 2)
    convolved = functional.conv1d(gated, module.depthwise.weight[:, :, 0], padding=2, groups=6)
    normalised = convolved / (1 + 1e-5) ** 0.5
    swish = normalised * torch.sigmoid(normalised)
    torch.testing.assert_close(module(values, None), module.linear(swish.transpose(1, 2)))


def test_a_block_adds_half_of_each_feed_forward_and_all_of_the_rest() -> None:
    torch.manual_seed(0)
    block = ConformerBlock(6, heads=2, feed_forward=8, kernel_size=3, dropout=0.0)
    for layer in (block.attention.output, block.convolution.linear, block.first_feed_forward[4]):
        nn.init.zeros_(layer.weight)
    last = block.last_feed_forward[4]
    nn.init.zeros_(last.weight)
    for value, layer in (
        (1.0, block.first_feed_forward[4]),
        (10.0, block.attention.output),
        (100.0, block.convolution.linear),
        (1000.0, last),
    ):
        nn.init.zeros_(layer.bias)
        layer.bias.data[0] = value
    values = torch.randn(1, 4, 6)
    moved = values.clone()
    moved[..., 0] += 0.5 + 10 + 100 + 500
    got = block(values, relative_positions(4, 6, like=values), None)
    torch.testing.assert_close(got, functional.layer_norm(moved, (6,)))

import torch
from torch import Tensor

from contravox.encoders.cam_plus_plus import CamPlusPlus, CamPlusPlusSettings

SMALL = CamPlusPlusSettings(front_channels=4, channels=8, growth=4, bottleneck=6, layers=(2, 3, 1))


def test_frequencies_fall_to_an_eighth_and_frames_to_a_half() -> None:
    encoder = CamPlusPlus(CamPlusPlusSettings(), 80).eval()
    stem, front = encoder.front(torch.randn(1, 80, 51), torch.tensor([51]))
    assert stem.shape == (1, 32, 80, 51)
    assert front.shape == (1, 32 * 10, 51)
    maps = encoder(torch.randn(1, 80, 51), torch.tensor([51])).maps
    assert [tuple(each.values.shape[1:]) for each in maps] == [(256, 26), (512, 26), (512, 26)]


def test_a_dense_layer_sees_the_input_and_all_earlier_outputs() -> None:
    block = CamPlusPlus(SMALL, 16).eval().blocks[1]
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []
    for layer in block.layers:
        layer.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
        layer.register_forward_hook(lambda module, args, output: outputs.append(output))
    values = torch.randn(1, 8, 20)
    result = block(values, None)
    for index, each in enumerate(inputs):
        torch.testing.assert_close(each, torch.cat([values, *outputs[:index]], dim=1))
    torch.testing.assert_close(result, torch.cat([values, *outputs], dim=1))


def test_the_embedding_has_no_mean_and_unit_variance_over_a_batch() -> None:
    torch.manual_seed(0)
    encoder = CamPlusPlus(SMALL, 16).train()
    embedding = encoder(torch.randn(64, 16, 30), torch.full((64,), 30)).embedding
    torch.testing.assert_close(embedding.mean(dim=0), torch.zeros(512), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        embedding.var(dim=0, correction=0), torch.ones(512), atol=1e-2, rtol=0
    )

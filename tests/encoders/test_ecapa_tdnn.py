import torch
from torch import Tensor, nn

from contravox.encoders.ecapa_tdnn import EcapaTdnn, EcapaTdnnSettings, Res2Layer


def test_a_blocks_input_is_the_sum_of_all_earlier_outputs() -> None:
    encoder = EcapaTdnn(EcapaTdnnSettings(channels=16, bottleneck=8, aggregation=24), 20).eval()
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []
    for module in (encoder.first, *encoder.blocks):
        module.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
        module.register_forward_hook(lambda module, args, output: outputs.append(output))
    maps = encoder(torch.randn(1, 20, 15), torch.tensor([15])).maps
    for index, each in enumerate(inputs[1:]):
        torch.testing.assert_close(each, torch.stack(outputs[: index + 1]).sum(dim=0))
    assert [each.values for each in maps] == outputs[1:]


def test_groups_of_a_res2_layer_feed_one_another() -> None:
    """y1 = x1, y2 = K2(x2), y3 = K3(x3 + y2), y4 = K4(x4 + y3) of Gao et al."""
    torch.manual_seed(0)
    layer = Res2Layer(8, scale=4, dilation=2).eval()
    values = torch.randn(2, 8, 10)
    x1, x2, x3, x4 = values.chunk(4, dim=1)

    def convolve(index: int, group: Tensor) -> Tensor:
        convolution = layer.layers[index].convolution
        convolved = nn.functional.conv1d(
            nn.functional.pad(group, (2, 2)), convolution.weight, convolution.bias, dilation=2
        )
        return convolved.relu() / (1 + 1e-5) ** 0.5

    y2 = convolve(0, x2)
    y3 = convolve(1, x3 + y2)
    expected = torch.cat([x1, y2, y3, convolve(2, x4 + y3)], dim=1)
    torch.testing.assert_close(layer(values, None), expected)


def test_embedding_norm_is_the_last_thing_that_happens() -> None:
    torch.manual_seed(0)
    sizes = {"channels": 16, "bottleneck": 8, "aggregation": 24, "embedding_size": 6}
    plain = EcapaTdnn(EcapaTdnnSettings(**sizes), 20)
    normed = EcapaTdnn(EcapaTdnnSettings(**sizes, embedding_norm=True), 20)
    # Without it nothing is added to the weights: older files still load.
    assert normed.state_dict().keys() - plain.state_dict().keys() == {
        f"embedding_norm.{name}"
        for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    }
    normed.load_state_dict(plain.state_dict(), strict=False)
    features, lengths = torch.randn(5, 20, 15), torch.full((5,), 15)
    expected = nn.functional.batch_norm(
        plain(features, lengths).embedding, None, None, training=True
    )
    torch.testing.assert_close(normed(features, lengths).embedding, expected)


def test_blocks_may_be_fed_the_last_output_alone_and_the_aggregation_be_normalised() -> None:
    settings = EcapaTdnnSettings(
        channels=16, bottleneck=8, aggregation=24, summed_inputs=False, aggregation_norm=True
    )
    encoder = EcapaTdnn(settings, 20).eval()
    assert encoder.aggregation_norm is not None
    nn.init.normal_(encoder.aggregation_norm.running_mean)
    seen: list[Tensor] = []
    for block in encoder.blocks:
        block.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    encoder.pooling.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    output = encoder(torch.randn(1, 20, 15), torch.tensor([15]))
    values = [each.values for each in output.maps]
    for each, expected in zip(seen, [output.stem, *values[:2]], strict=False):
        torch.testing.assert_close(each, expected)
    aggregated = encoder.aggregate(torch.cat(values, dim=1)).relu()
    torch.testing.assert_close(seen[3], encoder.aggregation_norm(aggregated))


def test_without_context_the_attention_has_fewer_weights() -> None:
    settings = {"channels": 16, "bottleneck": 8, "aggregation": 24}
    plain = EcapaTdnn(EcapaTdnnSettings(**settings, global_context=False), 20)
    whole = EcapaTdnn(EcapaTdnnSettings(**settings), 20)
    assert whole.state_dict().keys() - plain.state_dict().keys() == {"pooling.context.weight"}

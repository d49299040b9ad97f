import torch

from contravox.encoders.resnet34 import ResNet34, ResNet34Settings


def test_three_stages_halve_frequencies_and_frames() -> None:
    encoder = ResNet34(ResNet34Settings(channels=4, blocks=(1, 1, 1, 1)), 80).eval()
    maps = encoder(torch.randn(1, 80, 101), torch.tensor([101])).maps
    shapes = [tuple(each.values.shape[1:]) for each in maps]
    assert shapes == [(4 * 80, 101), (8 * 40, 51), (16 * 20, 26), (32 * 10, 13)]


def test_the_embedding_is_linear_in_the_mean_and_deviation_of_the_last_stage() -> None:
    torch.manual_seed(0)
    encoder = ResNet34(ResNet34Settings(channels=2, blocks=(1, 1, 1, 1)), 16).eval()
    output = encoder(torch.randn(2, 16, 64), torch.tensor([64, 64]))
    last = output.maps[-1].values
    deviation = (last.var(dim=-1) + 1e-7).sqrt()
    expected = encoder.embedding(torch.cat([last.mean(dim=-1), deviation], dim=-1))
    torch.testing.assert_close(output.embedding, expected)

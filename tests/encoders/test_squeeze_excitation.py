import torch

from contravox.encoders.squeeze_excitation import SqueezeExcitation


def test_gate_comes_from_the_mean_over_valid_frames() -> None:
    torch.manual_seed(0)
    excitation = SqueezeExcitation(3, 2)
    values = torch.randn(2, 3, 5)
    values[0, :, 2:] = 0
    mask = torch.arange(5) < torch.tensor([[2], [5]])
    scaled = excitation(values, mask)
    for row, length in enumerate((2, 5)):
        mean = values[row, :, :length].mean(dim=1)
        hidden = (excitation.gate[0].weight @ mean + excitation.gate[0].bias).clamp(min=0)
        gate = torch.sigmoid(excitation.gate[2].weight @ hidden + excitation.gate[2].bias)
        torch.testing.assert_close(scaled[row], values[row] * gate[:, None])
    image = values[:, :, None].expand(2, 3, 4, 5)
    torch.testing.assert_close(excitation(image, mask)[:, :, 0], scaled)

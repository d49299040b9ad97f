import torch
from torch.nn import functional

from contravox.encoders.ecapa_tdnn import FrameLayer
from contravox.features.mirrored_padding import mirrored


def test_each_row_is_mirrored_at_its_own_end() -> None:
    values = torch.tensor([[[1.0, 2, 3, 4, 5]], [[1, 2, 3, 0, 0]]])
    mask = torch.arange(5) < torch.tensor([[5], [3]])
    [whole], [short] = mirrored(values, 2, mask)
    assert whole.tolist() == [3, 2, 1, 2, 3, 4, 5, 4, 3]
    assert short[:7].tolist() == [3, 2, 1, 2, 3, 2, 1]
    torch.testing.assert_close(
        mirrored(values, 4, None), functional.pad(values, (4, 4), mode="reflect")
    )


def test_a_row_too_short_to_mirror_ends_with_itself() -> None:
    assert mirrored(torch.tensor([[[1.0, 2.0]]]), 3, None).tolist() == [[[1, 1, 2, 1, 2, 1, 1, 1]]]


def test_a_mirrored_frame_layer_is_a_convolution_with_reflection() -> None:
    torch.manual_seed(0)
    layer = FrameLayer(3, 4, kernel_size=3, dilation=2, mirror=True).eval()
    reflecting = torch.nn.Conv1d(3, 4, 3, dilation=2, padding=2, padding_mode="reflect")
    reflecting.load_state_dict(layer.convolution.state_dict())
    values = torch.randn(2, 3, 9)
    expected = reflecting(values).relu() / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(layer(values, None), expected)

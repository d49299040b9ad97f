import pytest
import torch
from torch import nn

from contravox.encoders.masking import frame_mask, masked_batch_norm, zero_padding


def test_full_rows_need_no_mask() -> None:
    assert frame_mask(torch.tensor([3, 3]), 3) is None


def test_mask_is_true_on_valid_frames() -> None:
    mask = frame_mask(torch.tensor([1, 3]), 3)
    assert mask is not None
    assert mask.tolist() == [[True, False, False], [True, True, True]]


def test_padding_of_maps_and_of_images_becomes_zero() -> None:
    mask = torch.tensor([[True, False], [True, True]])
    assert zero_padding(torch.ones(2, 1, 2), mask).tolist() == [[[1, 0]], [[1, 1]]]
    image = zero_padding(torch.ones(2, 3, 4, 2), mask)
    assert image[0, ..., 1].eq(0).all()
    assert image.sum() == 3 * 4 * 3


@pytest.mark.parametrize("shape", [(3, 4, 6), (3, 4, 5, 6)])
def test_batch_statistics_are_those_of_valid_frames(shape: tuple[int, ...]) -> None:
    values, lengths = torch.randn(shape), [6, 2, 3]
    norm: nn.Module = nn.BatchNorm1d(4) if len(shape) == 3 else nn.BatchNorm2d(4)
    alone = nn.BatchNorm1d(4)
    mask = frame_mask(torch.tensor(lengths), 6)
    valid = torch.cat(
        [row[..., :length].flatten(1).T for row, length in zip(values, lengths, strict=True)]
    )
    for _ in range(2):
        normalised = masked_batch_norm(norm, values, mask)
        expected = alone(valid)
        got = torch.cat(
            [row[..., :n].flatten(1).T for row, n in zip(normalised, lengths, strict=True)]
        )
        torch.testing.assert_close(got, expected)
        assert normalised[1, ..., 2:].eq(0).all()
        norm.eval(), alone.eval()  # The second time with the running statistics.

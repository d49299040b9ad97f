import pytest
import torch
from torch.nn import functional

from contravox.encoders.context_aware_masking import PART, ContextAwareMasking


@pytest.mark.parametrize("frames", [30, PART, 250])
def test_a_frames_gate_is_that_of_a_plain_loop(frames: int) -> None:
    torch.manual_seed(0)
    masking = ContextAwareMasking(6, 4, dilation=2).requires_grad_(False)
    lengths = [frames, max(1, frames - 70)]
    mask = torch.arange(frames) < torch.tensor(lengths)[:, None]
    values = torch.randn(2, 6, frames) * mask[:, None]
    got = masking(values, mask)
    local = functional.conv1d(values, masking.local.weight, dilation=2, padding=2)
    first, second = masking.gate[0], masking.gate[2]
    for row, length in enumerate(lengths):
        mean = values[row, :, :length].mean(dim=1)
        for frame in range(0, length, 7):
            start = frame // PART * PART
            part = values[row, :, start : min(start + PART, length)].mean(dim=1)
            hidden = (first.weight[..., 0] @ (mean + part) + first.bias).clamp(min=0)
            gate = torch.sigmoid(second.weight[..., 0] @ hidden + second.bias)
            torch.testing.assert_close(got[row, :, frame], local[row, :, frame] * gate)


def test_without_a_mask_all_frames_count() -> None:
    torch.manual_seed(0)
    masking, values = ContextAwareMasking(6, 4, dilation=1), torch.randn(2, 6, 130)
    torch.testing.assert_close(
        masking(values, None), masking(values, torch.ones(2, 130, dtype=torch.bool))
    )

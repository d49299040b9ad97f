import torch
from torch import Tensor

from contravox.augmentation.spec_augment import SpecAugment, SpecAugmentSettings


def hidden(
    settings: SpecAugmentSettings, lengths: Tensor, seed: int = 0, frames: int = 50
) -> Tensor:
    """Where (N, 20, frames) features are set to zero."""
    features = torch.ones(len(lengths), 20, frames)
    torch.manual_seed(seed)
    return SpecAugment(settings)(features, lengths) == 0


def runs(row: Tensor) -> list[int]:
    """Lengths of the runs of True."""
    text = "".join("x" if value else " " for value in row.tolist())
    return [len(run) for run in text.split()]


def test_one_band_of_time_has_a_uniform_width_and_a_uniform_start() -> None:
    settings = SpecAugmentSettings(time_masks=1, time_width=4, frequency_masks=0)
    masks = hidden(settings, torch.full((20_000,), 50))
    assert (masks == masks[:, :1]).all(), "a band of time hides all bins"
    widths = masks[:, 0].sum(dim=1)
    shares = widths.bincount(minlength=5) / len(widths)
    torch.testing.assert_close(shares, torch.full((5,), 0.2), atol=0.02, rtol=0)
    assert all(len(runs(row)) <= 1 for row in masks[:200, 0])
    starts = masks[widths == 4][:, 0].int().argmax(dim=1).bincount()
    assert len(starts) == 47
    torch.testing.assert_close(starts / starts.sum(), torch.full((47,), 1 / 47), atol=0.01, rtol=0)


def test_bands_of_frequency_hide_all_frames_and_are_no_wider_than_allowed() -> None:
    settings = SpecAugmentSettings(time_masks=0, frequency_masks=2, frequency_width=3)
    masks = hidden(settings, torch.full((2_000,), 50))
    assert (masks == masks[:, :, :1]).all()
    widths = [width for row in masks[:, :, 0] for width in runs(row)]
    assert set(widths) == {1, 2, 3, 4, 5, 6}, "two bands of up to 3, which may touch"
    assert masks[:, -1].any()


def test_each_row_has_its_own_bands_below_its_length() -> None:
    settings = SpecAugmentSettings(time_masks=1, time_width=5, frequency_masks=0)
    masks = hidden(settings, torch.tensor([10] * 500 + [50] * 500))[:, 0]
    assert not masks[:500, 10:].any()
    assert masks[:500, 9].any()
    assert masks[500:, 49].any()
    assert len(masks.unique(dim=0)) > 100


def test_probability_is_the_share_of_rows_with_bands() -> None:
    settings = SpecAugmentSettings(time_width=40, probability=0.25)
    share = hidden(settings, torch.full((4_000,), 50)).flatten(1).any(dim=1).float().mean()
    assert abs(share - 0.25) < 0.03


def test_the_seed_decides() -> None:
    settings, lengths = SpecAugmentSettings(), torch.full((8,), 50)
    assert hidden(settings, lengths, seed=1).equal(hidden(settings, lengths, seed=1))
    assert not hidden(settings, lengths, seed=1).equal(hidden(settings, lengths, seed=2))


def test_nothing_is_hidden_outside_training_nor_changed_outside_bands() -> None:
    features, lengths = torch.randn(4, 20, 50), torch.full((4,), 50)
    augment = SpecAugment(SpecAugmentSettings())
    augmented = augment(features, lengths)
    kept = augmented != 0
    assert not kept.all()
    assert augmented[kept].equal(features[kept])
    assert augment.eval()(features, lengths).equal(features)

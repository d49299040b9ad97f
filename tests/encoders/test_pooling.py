import math

import pytest
import torch
from torch import nn

from contravox.encoders.pooling import (
    AttentiveStatisticsPooling,
    SelfAttentivePooling,
    StatisticsPooling,
    plain_statistics,
    weighted_statistics,
)


def test_weighted_statistics_by_hand() -> None:
    values = torch.tensor([[[1.0, 3.0, 100.0], [0.0, 4.0, 8.0]]])
    weights = torch.tensor([[[0.5, 0.5, 0.0], [0.25, 0.5, 0.25]]])
    expected = torch.tensor([[2.0, 4.0, 1.0, math.sqrt(8)]])
    torch.testing.assert_close(weighted_statistics(values, weights), expected)


def test_plain_statistics_by_hand() -> None:
    values = torch.tensor([[[1.0, 3.0, 100.0, -7.0]], [[1.0, 3.0, 1.0, 3.0]]])
    mask = torch.tensor([[True, True, False, False], [True] * 4])
    torch.testing.assert_close(plain_statistics(values, mask), torch.tensor([[2.0, 1.0]] * 2))
    torch.testing.assert_close(plain_statistics(values[1:], None), torch.tensor([[2.0, 1.0]]))


def test_statistics_pooling_is_the_mean_and_the_deviation_of_a_sample() -> None:
    values = torch.tensor([[[1.0, 3.0, 5.0, 100.0]], [[2.0, 7.0, -9.0, 4.0]]])
    pooled = StatisticsPooling(0.25)(values, torch.tensor([3, 1]))
    # Of one frame there is no deviation, and epsilon is left.
    expected = torch.tensor([[3.0, math.sqrt(4 + 0.25)], [2.0, 0.5]])
    torch.testing.assert_close(pooled, expected)
    whole = torch.randn(2, 3, 8)
    deviation = (whole.var(dim=-1) + 1e-7).sqrt()
    pooled = StatisticsPooling(1e-7)(whole, torch.tensor([8, 8]))
    torch.testing.assert_close(pooled, torch.cat([whole.mean(dim=-1), deviation], dim=-1))


def test_below_the_usual_floor_a_channel_without_variance_has_none() -> None:
    values = torch.full((1, 1, 50), 123.4)
    values.requires_grad_()
    weights = torch.full((1, 1, 50), 0.02)
    pooled = weighted_statistics(values, weights, variance_floor=1e-12)
    assert pooled[0, 1].item() < 1e-4, "a difference of squares would leave 1e-2"
    pooled.sum().backward()
    assert values.grad is not None
    assert values.grad.isfinite().all()


def test_a_samples_context_is_what_the_attention_sees() -> None:
    torch.manual_seed(0)
    plain = AttentiveStatisticsPooling(3, 2, global_context=True)
    sample = AttentiveStatisticsPooling(3, 2, global_context=True, sample_context=True)
    sample.load_state_dict(plain.state_dict())
    values, lengths = torch.randn(2, 3, 4), torch.tensor([4, 4])
    assert plain.context is not None
    with torch.no_grad():
        expected = sample(values, lengths)
        # The deviation of a sample of four is √(4/3) of the other.
        plain.context.weight[:, 3:] *= math.sqrt(4 / 3)
        torch.testing.assert_close(plain(values, lengths), expected)


def test_without_attention_the_pooling_is_the_mean_and_deviation() -> None:
    pooling = AttentiveStatisticsPooling(1, bottleneck=2)
    nn.init.zeros_(pooling.score.weight)
    pooled = pooling(torch.tensor([[[2.0, 4.0, 9.0]], [[1.0, 2.0, 6.0]]]), torch.tensor([2, 3]))
    expected = torch.tensor([[3.0, 1.0], [3.0, math.sqrt(14 / 3)]])
    torch.testing.assert_close(pooled, expected)


@pytest.mark.parametrize("attention_norm", [False, True])
@pytest.mark.parametrize("global_context", [False, True])
def test_attentive_statistics_are_those_of_a_plain_loop(
    global_context: bool, attention_norm: bool
) -> None:
    torch.manual_seed(0)
    pooling = AttentiveStatisticsPooling(
        5, bottleneck=3, global_context=global_context, attention_norm=attention_norm
    ).eval()
    if pooling.norm is not None:
        nn.init.normal_(pooling.norm.running_mean)
        nn.init.uniform_(pooling.norm.weight)
    pooling.requires_grad_(False)
    values, lengths = 2 * torch.randn(2, 5, 7), [7, 4]
    pooled = pooling(values, torch.tensor(lengths)).double()
    first, bias = pooling.hidden.weight[..., 0].double(), pooling.hidden.bias.double()
    second = pooling.score.weight[..., 0].double()
    if pooling.context is not None:
        first = torch.cat([first, pooling.context.weight.double()], dim=1)
    for row, length in enumerate(lengths):
        frames = [values[row, :, t].double() for t in range(length)]
        mean = sum(frames) / length
        deviation = (sum((frame - mean) ** 2 for frame in frames) / length).sqrt()
        context = [mean, deviation] if global_context else []
        hidden = [first @ torch.cat([frame, *context]) + bias for frame in frames]
        if (norm := pooling.norm) is not None:
            scale = norm.weight.double() / math.sqrt(1 + norm.eps)
            hidden = [(each.relu() - norm.running_mean.double()) * scale for each in hidden]
        scores = [second @ each.tanh() for each in hidden]
        for channel in range(5):
            powers = [math.exp(score[channel]) for score in scores]
            weights = [power / sum(powers) for power in powers]
            mean = sum(w * frame[channel] for w, frame in zip(weights, frames, strict=True))
            square = sum(w * frame[channel] ** 2 for w, frame in zip(weights, frames, strict=True))
            assert pooled[row, channel].item() == pytest.approx(mean.item(), abs=1e-5)
            deviation = math.sqrt(square - mean**2)
            assert pooled[row, 5 + channel].item() == pytest.approx(deviation, abs=1e-5)


def test_self_attentive_pooling_is_that_of_a_plain_loop() -> None:
    torch.manual_seed(0)
    pooling = SelfAttentivePooling(4).requires_grad_(False)
    values, lengths = torch.randn(2, 4, 6), [6, 3]
    pooled = pooling(values, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        scores = []
        for t in range(length):
            hidden = pooling.hidden.weight[..., 0] @ values[row, :, t] + pooling.hidden.bias
            scores.append(math.exp(pooling.score.weight[0, :, 0] @ hidden.tanh()))
        expected = sum(s / sum(scores) * values[row, :, t] for t, s in enumerate(scores))
        torch.testing.assert_close(pooled[row], expected)


@pytest.mark.parametrize(
    "pooling",
    [
        AttentiveStatisticsPooling(6, bottleneck=4),
        AttentiveStatisticsPooling(6, bottleneck=4, global_context=True),
        AttentiveStatisticsPooling(6, bottleneck=4, attention_norm=True).eval(),
        AttentiveStatisticsPooling(6, bottleneck=4, global_context=True, sample_context=True),
        SelfAttentivePooling(6),
        StatisticsPooling(1e-7),
    ],
)
def test_frames_past_the_length_change_nothing(pooling: nn.Module) -> None:
    values = torch.randn(3, 6, 9)
    alone = pooling(values[1:2, :, :4], torch.tensor([4]))
    batched = pooling(values, torch.tensor([9, 4, 1]))
    torch.testing.assert_close(batched[1:2], alone)


@pytest.mark.parametrize(
    "pooling", [AttentiveStatisticsPooling(3, global_context=True), SelfAttentivePooling(3)]
)
def test_statistics_are_float32_whatever_the_type_of_the_values(pooling: nn.Module) -> None:
    values, lengths = torch.randn(2, 3, 5), torch.tensor([5, 2])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert pooling(values.bfloat16(), lengths).dtype == torch.float32


def test_gradients_are_finite_without_variance() -> None:
    values = torch.ones(2, 3, 5, requires_grad=True)
    pooled = AttentiveStatisticsPooling(3, global_context=True)(values, torch.tensor([5, 1]))
    pooled.sum().backward()
    assert values.grad is not None
    assert values.grad.isfinite().all()

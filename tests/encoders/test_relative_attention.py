import math

import pytest
import torch
from torch import nn

from contravox.encoders.conformer_block import relative_positions
from contravox.encoders.relative_attention import RelativeAttention, by_frame


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_scores_by_frame_are_scores_by_distance_at_i_minus_j(frames: int) -> None:
    score = torch.randn(2, frames, 2 * frames)
    got = by_frame(score)
    for i in range(frames):
        for j in range(frames):
            assert got[:, i, j].equal(score[:, i, frames - 1 - (i - j)])


def test_positions_are_sinusoids_of_the_distance() -> None:
    positions = relative_positions(4, 6, like=torch.zeros(1))
    for row, distance in enumerate([3, 2, 1, 0, -1, -2, -3, -4]):
        for pair in range(3):
            angle = distance / 10_000 ** (2 * pair / 6)
            assert positions[row, 2 * pair].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert positions[row, 2 * pair + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_attention_is_that_of_a_plain_loop() -> None:
    torch.manual_seed(0)
    size, heads, lengths = 6, 2, [5, 3]
    attention = RelativeAttention(size, heads, dropout=0.0)
    nn.init.normal_(attention.content_bias)
    nn.init.normal_(attention.position_bias)
    values, positions = torch.randn(2, 5, size), relative_positions(5, size, like=torch.zeros(1))
    mask = torch.arange(5) < torch.tensor(lengths)[:, None]
    got = attention(values, positions, mask)
    query, key, value = attention.queries_keys_values(values).chunk(3, dim=2)
    by_distance = attention.position(positions)
    for row, length in enumerate(lengths):
        for i in range(length):
            attended = []
            for head in range(heads):
                part = slice(3 * head, 3 * head + 3)
                u, v = attention.content_bias[head, 0], attention.position_bias[head, 0]
                scores = []
                for j in range(length):
                    content = (query[row, i, part] + u) @ key[row, j, part]
                    distance = (query[row, i, part] + v) @ by_distance[4 - (i - j), part]
                    scores.append((content + distance) / math.sqrt(3))
                weights = torch.stack(scores).softmax(dim=0)
                attended.append(sum(weights[j] * value[row, j, part] for j in range(length)))
            expected = attention.output(torch.cat(attended))
            torch.testing.assert_close(got[row, i], expected, atol=1e-5, rtol=1e-5)

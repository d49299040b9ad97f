import math

import pytest

from contravox.features.mel_filters import kaldi_filters, speechbrain_filters, torchaudio_filters


def edges(bins: int, low: float, high: float) -> list[float]:
    """In Hz, by the other base of the same scale."""
    lowest, highest = (2595 * math.log10(1 + each / 700) for each in (low, high))
    mels = [lowest + (highest - lowest) * place / (bins + 1) for place in range(bins + 2)]
    return [700 * (10 ** (mel / 2595) - 1) for mel in mels]


@pytest.mark.parametrize(("bins", "frequencies"), [(40, 257), (80, 201)])
def test_triangles_in_hertz_are_those_of_a_plain_loop(bins: int, frequencies: int) -> None:
    arguments = (bins, 0.0, 8000.0, frequencies, 16_000)
    torchaudio, speechbrain = torchaudio_filters(*arguments), speechbrain_filters(*arguments)
    assert torchaudio.shape == speechbrain.shape == (bins, frequencies)
    places = edges(bins, 0, 8000)
    for index, (left, centre, right) in enumerate(
        zip(places, places[1:], places[2:], strict=False)
    ):
        for column in range(frequencies):
            hertz = column * 8000 / (frequencies - 1)
            rising = (hertz - left) / (centre - left)
            falling = (right - hertz) / (right - centre)
            assert torchaudio[index, column].item() == pytest.approx(
                max(0, min(rising, falling)), abs=1e-5
            )
            # As far to the right as to the left.
            symmetric = 1 - abs(hertz - centre) / (centre - left)
            assert speechbrain[index, column].item() == pytest.approx(max(0, symmetric), abs=1e-5)


def test_only_kaldi_leaves_out_the_last_frequency() -> None:
    arguments = (4, 0.0, 8000.0, 9, 16_000)
    # The last filter ends there, where its weight is 0 in any case; limits beyond tell.
    assert torchaudio_filters(4, 0.0, 12_000.0, 9, 16_000)[:, -1].any()
    assert not kaldi_filters(*arguments)[:, -1].any()

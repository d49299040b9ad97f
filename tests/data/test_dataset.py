from itertools import pairwise

import numpy as np
import pytest
import soundfile
import torch

from contravox.corpora.folder import folder_recordings
from contravox.corpora.scan import scan_recordings
from contravox.data.augmentation import AugmentationSettings
from contravox.data.dataset import SegmentDataset, collate, segment_places
from contravox.data.sampling import SegmentRequest


@pytest.fixture
def ramps(tmp_path):
    """Two speakers with one utterance each, whose samples tell their place: 0, 1, 2, ... / 2^17."""
    for speaker, seconds in (("a", 4.0), ("b", 1.0)):
        (tmp_path / speaker).mkdir()
        samples = np.arange(round(seconds * 16_000), dtype=np.float32) / 2**17
        soundfile.write(tmp_path / speaker / "u.wav", samples, 16_000, subtype="FLOAT")
    return scan_recordings(folder_recordings(tmp_path)).manifest


def test_segments_of_an_utterance_do_not_overlap(ramps):
    dataset = SegmentDataset(ramps, np.arange(2), seconds=1.5, segments=2)
    orders = set()
    for seed in range(20):
        segments = [dataset[SegmentRequest(0, segment, segment, seed)][0] for segment in (0, 1)]
        places = [np.rint(waveform * 2**17).astype(int) for waveform in segments]
        assert all(len(place) == 24_000 and (np.diff(place) == 1).all() for place in places)
        assert not set(places[0]) & set(places[1])
        orders.add(places[0][0] < places[1][0])
    assert orders == {True, False}


def test_a_short_utterance_is_repeated(ramps):
    dataset = SegmentDataset(ramps, np.arange(2), seconds=1.5)
    waveform, label, row, view = dataset[SegmentRequest(1, 0, 0, 7)]
    place = np.rint(waveform * 2**17).astype(int)
    np.testing.assert_array_equal(place, np.resize(np.arange(16_000), 24_000))
    assert (label, row, view) == (1, 1, 0)


@pytest.mark.parametrize(("duration", "seconds", "segments"), [(10, 2, 3), (3, 2, 2), (2, 2, 1)])
def test_places_lie_in_the_utterance_and_apart(duration, seconds, segments):
    generator = np.random.default_rng(0)
    starts = []
    for _ in range(200):
        places = segment_places(duration, seconds, segments, generator)
        ordered = sorted(places)
        assert all(length == min(seconds, duration / segments) for _, length in places)
        assert ordered[0][0] >= 0
        assert ordered[-1][0] + ordered[-1][1] <= duration + 1e-9
        for (start, length), (following, _) in pairwise(ordered):
            assert start + length <= following + 1e-9
        starts.append(ordered[0][0])
    # The slack is used, not left at the end.
    slack = duration - segments * min(seconds, duration / segments)
    assert max(starts) - min(starts) >= 0.5 * slack


def test_augmentation_is_seeded_and_leaves_the_first_segment_clean(tone_corpus):
    manifest = scan_recordings(folder_recordings(tone_corpus)).manifest
    labels = np.arange(len(manifest))
    settings = AugmentationSettings(clean=0, gain=(0, 0))
    plain = SegmentDataset(manifest, labels, seconds=0.4, segments=2)
    augmented = SegmentDataset(
        manifest, labels, seconds=0.4, segments=2, augmentation=settings, clean_first=True
    )
    first, second = SegmentRequest(3, 0, 0, 11), SegmentRequest(3, 1, 1, 11)
    np.testing.assert_array_equal(augmented[first][0], plain[first][0])
    assert np.abs(augmented[second][0] - plain[second][0]).max() > 0.01
    np.testing.assert_array_equal(augmented[second][0], augmented[second][0])


def test_batches_keep_the_order_of_the_segments(ramps):
    dataset = SegmentDataset(ramps, np.array([7, 8]), seconds=0.5)
    batch = collate([dataset[SegmentRequest(row, 0, row, 1)] for row in (1, 0)])
    assert batch.waveforms.shape == (2, 8000)
    assert batch.labels.tolist() == [8, 7]
    assert batch.utterances.tolist() == [1, 0]
    assert batch.views.tolist() == [1, 0]
    assert batch.lengths.tolist() == [8000, 8000]
    assert torch.equal(batch.waveforms[0], torch.from_numpy(dataset[SegmentRequest(1, 0, 1, 1)][0]))

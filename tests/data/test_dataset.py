import threading
from itertools import pairwise
from pathlib import Path

import fsspec
import numpy as np
import polars as pl
import pytest
import soundfile
import torch
from torch.utils.data import DataLoader

from contravox.augmentation.augmentation import AugmentationSettings
from contravox.corpora.folder import folder_recordings
from contravox.corpora.scan import scan_recordings
from contravox.data import dataset as dataset_module
from contravox.data.batch import Batch
from contravox.data.dataset import SegmentDataset, Unreadable, collate, segment_places
from contravox.data.pending_batch import PendingBatch
from contravox.data.sampling import SegmentRequest
from contravox.errors import RecipeError
from contravox.manifest import Manifest
from tones import tone


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
    waveform, label, row, view, *_ = dataset[SegmentRequest(1, 0, 0, 7)]
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


def test_overlapping_places_are_each_drawn_from_the_whole_utterance():
    generator = np.random.default_rng(0)
    drawn = [segment_places(3.0, 2.0, 2, generator, "anywhere") for _ in range(300)]
    starts = np.array([[start for start, _ in places] for places in drawn])
    assert {length for places in drawn for _, length in places} == {2.0}
    assert 0 <= starts.min() < 0.05
    assert 0.95 < starts.max() <= 1.0
    np.testing.assert_allclose(starts.mean(axis=0), 0.5, atol=0.05)
    assert abs(np.corrcoef(starts.T)[0, 1]) < 0.15
    # An utterance shorter than a segment is whole in each.
    assert segment_places(1.5, 2.0, 2, generator, "anywhere") == [(0.0, 1.5)] * 2


def test_segments_together_are_one_place_drawn_from_the_whole_utterance(ramps):
    generator = np.random.default_rng(0)
    drawn = [segment_places(3.0, 2.0, 5, generator, "together") for _ in range(300)]
    assert all(len(places) == 5 and len(set(places)) == 1 for places in drawn)
    starts = [places[0][0] for places in drawn]
    assert 0 <= min(starts) < 0.05
    assert 0.95 < max(starts) <= 1.0
    dataset = SegmentDataset(ramps, np.arange(2), seconds=0.4, segments=3, placement="together")
    first, *others = (dataset[SegmentRequest(0, segment, segment, 5)] for segment in range(3))
    for other in others:
        np.testing.assert_array_equal(other.waveform, first.waveform)


def test_segments_that_may_overlap_are_as_long_as_the_utterance_allows(ramps):
    apart, overlapping = (
        SegmentDataset(ramps, np.arange(2), seconds=0.8, segments=3, placement=placement)
        for placement in ("apart", "anywhere")
    )
    request = SegmentRequest(1, 2, 0, 5)
    lengths = [len(np.unique(dataset[request].waveform)) for dataset in (apart, overlapping)]
    assert lengths == [5333, 12_800]


@pytest.fixture
def pitches(tmp_path):
    """Speakers a and b, a sine of 400 and 600 Hz, 2 s each."""
    for speaker, frequency in (("a", 400), ("b", 600)):
        (tmp_path / speaker).mkdir()
        sine = 0.5 * np.sin(2 * np.pi * frequency * np.arange(32_000) / 16_000)
        soundfile.write(tmp_path / speaker / "u.wav", sine, 16_000, subtype="FLOAT")
    return scan_recordings(folder_recordings(tmp_path)).manifest


def frequency_of(waveform):
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return spectrum.argmax() * 16_000 / len(waveform)


def test_every_utterance_comes_once_more_at_each_speed_as_another_speaker(pitches):
    dataset = SegmentDataset(pitches, np.arange(2), seconds=1.0, speeds=[0.9, 1.1])
    assert len(dataset) == 6
    assert dataset.labels.tolist() == [0, 1, 2, 3, 4, 5]
    for row, frequency in enumerate((400, 600, 360, 540, 440, 660)):
        segment = dataset[SegmentRequest(row, 0, 0, 3)]
        assert (segment.label, segment.utterance) == (row, row)
        assert segment.waveform.shape == (16_000,)
        assert segment.waveform.dtype == np.float32
        assert frequency_of(segment.waveform) == pytest.approx(frequency, abs=1)


def test_the_labels_of_another_speed_follow_all_classes(ramps):
    dataset = SegmentDataset(ramps, np.array([4, 1]), seconds=1.0, speeds=[1.1])
    assert dataset.labels.tolist() == [4, 1, 9, 6]


def test_segments_at_another_speed_are_cut_from_the_utterance_as_it_sounds(ramps):
    """At 1.25 the utterance of 4 s lasts 3.2 s: two segments of 1.5 s fit, and do not overlap."""
    dataset = SegmentDataset(ramps, np.arange(2), seconds=1.5, segments=2, speeds=[1.25])
    starts = []
    for seed in range(20):
        places = [
            dataset[SegmentRequest(2, segment, 0, seed)].waveform[200:-200] * 2**17
            for segment in (0, 1)
        ]
        for place in places:
            np.testing.assert_allclose(np.diff(place), 1.25, atol=0.1)
        first, second = sorted(places, key=lambda place: place[0])
        assert first[-1] < second[0]
        starts.append(first[0] - 250)
    assert min(starts) < 800
    assert max(starts) > 2000


def test_views_and_speeds_are_checked_at_once(ramps):
    settings = AugmentationSettings(views=["clean", "noise"])
    with pytest.raises(RecipeError, match=r"augmentation.views: names 2 for sampler.segments=1"):
        SegmentDataset(ramps, np.arange(2), seconds=1.0, augmentation=settings)
    with pytest.raises(RecipeError, match=r"data.speeds: 1 changes nothing"):
        SegmentDataset(ramps, np.arange(2), seconds=1.0, speeds=[1.0])


def test_babble_is_never_of_the_segments_own_speaker(tone_corpus, monkeypatch):
    """Nor of the same speaker at the speed at which it was recorded."""
    manifest = scan_recordings(folder_recordings(tone_corpus)).manifest
    labels = manifest.table["speaker"].rank("dense").to_numpy().astype(np.int64) - 1
    settings = AugmentationSettings(views=["babble"])
    dataset = SegmentDataset(manifest, labels, seconds=0.4, speeds=[1.1], augmentation=settings)
    read = []
    read_audio = dataset_module.read_audio

    def noted(path, **place):
        read.append(path)
        return read_audio(path, **place)

    monkeypatch.setattr(dataset_module, "read_audio", noted)
    for seed in range(40):
        for row in (7, 67):
            read.clear()
            dataset[SegmentRequest(row, 0, 0, seed)]
            own, *others = [path.split("/")[-3] for path in read]
            assert own == "s01"
            assert 3 <= len(others) <= 7
            assert own not in others


@pytest.fixture
def recorded(tmp_path):
    """Manifests of noises and rooms: the settings that name them."""
    rows = {"noises": [], "rooms": []}
    for index, kind in enumerate(["noise", "music", "speech", "smallroom"]):
        samples = tone(0.5, 77.0 * (index + 1), seed=index)
        if kind == "smallroom":
            samples *= np.exp(-np.arange(len(samples)) / 800)
        soundfile.write(tmp_path / f"{kind}.wav", samples, 16_000)
        row = {"utterance": kind, "path": f"{kind}.wav", "duration": 0.5, "kind": kind}
        rows["rooms" if kind == "smallroom" else "noises"].append(row)
    for name, part in rows.items():
        pl.DataFrame(part).write_csv(tmp_path / f"{name}.tsv", separator="\t")
    return {name: tmp_path / f"{name}.tsv" for name in rows}


REQUESTS = [
    [SegmentRequest(row, segment, segment, 10 * row + 1) for row in rows for segment in (0, 1)]
    for rows in (range(24), range(100, 124), range(60, 84), range(30, 54))
]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("on", ["workers", "device"])
@pytest.mark.parametrize("sources", ["recorded", "synthetic"])
def test_the_same_requests_give_the_same_audio_whatever_the_workers(
    on, sources, tone_corpus, recorded
):
    manifest = scan_recordings(folder_recordings(tone_corpus)).manifest
    settings = AugmentationSettings(
        **recorded if sources == "recorded" else {},
        on=on,
        clipping=0.2,
        codec=0.1,
        codecs=["mu_law", "mp3"],
    )
    dataset = SegmentDataset(
        manifest,
        np.arange(len(manifest)),
        seconds=0.4,
        segments=2,
        speeds=[0.9, 1.1],
        augmentation=settings,
        keep_recorded=True,
    )

    def batches(workers):
        loader = DataLoader(
            dataset, batch_sampler=REQUESTS, collate_fn=collate, num_workers=workers
        )
        return [batch.mixed_on(torch.device("cpu")) for batch in loader]

    alone = batches(0)
    assert len({row.numpy().tobytes() for batch in alone for row in batch.waveforms}) == 4 * 48
    for workers in (1, 3):
        for one, other in zip(alone, batches(workers), strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_on_the_device_it_is_the_same_audio_as_in_the_workers(tone_corpus, recorded):
    manifest = scan_recordings(folder_recordings(tone_corpus)).manifest
    mixed = {}
    for on in ("workers", "device"):
        settings = AugmentationSettings(
            **recorded, on=on, clipping=0.2, codec=0.2, codecs=["mu_law"]
        )
        dataset = SegmentDataset(
            manifest,
            np.arange(60),
            seconds=0.5,
            segments=2,
            speeds=[0.9, 1.1],
            augmentation=settings,
        )
        segments = dataset.__getitems__(REQUESTS[0])
        mixed[on] = collate(segments)
        finished = {segment.effects is None for segment in segments}
        assert finished == ({True} if on == "workers" else {True, False})
    assert isinstance(mixed["workers"], Batch)
    assert isinstance(mixed["device"], PendingBatch)
    on_device = mixed["device"].mixed_on(torch.device("cpu"))
    np.testing.assert_allclose(
        on_device.waveforms.numpy(), mixed["workers"].waveforms.numpy(), atol=1e-5
    )
    assert on_device.labels.tolist() == mixed["workers"].labels.tolist()


def test_audio_depends_on_the_segment_and_the_seed_not_on_the_rest_of_the_batch(ramps):
    settings = AugmentationSettings(clean=0)
    dataset = SegmentDataset(ramps, np.arange(2), seconds=0.5, segments=2, augmentation=settings)
    audio = [
        dataset[SegmentRequest(0, segment, view, seed)].waveform.tobytes()
        for segment, view, seed in ((0, 0, 3), (0, 5, 3), (1, 0, 3), (0, 0, 4))
    ]
    assert audio[0] == audio[1]
    assert len(set(audio)) == 3


def test_a_segment_as_recorded_is_that_of_a_dataset_without_augmentation(ramps):
    requests = [SegmentRequest(seed % 2, 0, 0, seed) for seed in range(6)]
    plain = SegmentDataset(ramps, np.arange(2), seconds=0.5)
    noisy, both = (
        SegmentDataset(
            ramps,
            np.arange(2),
            seconds=0.5,
            augmentation=AugmentationSettings(clean=0, codec=0.5, codecs=["mu_law"]),
            keep_recorded=keep,
        )
        for keep in (False, True)
    )
    expected = collate(plain.__getitems__(requests))
    augmented = collate(both.__getitems__(requests))
    np.testing.assert_array_equal(augmented.recorded, expected.waveforms)
    assert (augmented.waveforms - augmented.recorded).abs().amax(dim=1).min() > 1e-3
    alone = collate(noisy.__getitems__(requests))
    np.testing.assert_array_equal(augmented.waveforms, alone.waveforms)
    assert alone.recorded is None


def test_a_batch_from_a_store_is_that_from_files_read_several_at_a_time(ramps, monkeypatch):
    files = SegmentDataset(ramps, np.arange(2), seconds=0.5)
    requests = [SegmentRequest(seed % 2, 0, 0, seed) for seed in range(8)]
    store = fsspec.filesystem("memory")
    for speaker, path in zip("ab", files.paths, strict=True):
        store.pipe(f"/ramps/{speaker}.wav", Path(path).read_bytes())
    table = ramps.table.with_columns(path=pl.Series([f"memory://ramps/{s}.wav" for s in "ab"]))
    remote = SegmentDataset(Manifest(table), np.arange(2), seconds=0.5)
    met = threading.Barrier(4, timeout=20)
    read_audio = dataset_module.read_audio

    def meeting(path, **place):
        """Returns only when four are reading at the same time."""
        met.wait()
        return read_audio(path, **place)

    expected = [files[request] for request in requests]
    monkeypatch.setattr(dataset_module, "read_audio", meeting)
    segments = remote.__getitems__(requests)
    assert [segment[1:] for segment in segments] == [segment[1:] for segment in expected]
    for one, other in zip(segments, expected, strict=True):
        np.testing.assert_array_equal(one.waveform, other.waveform)


def test_batches_keep_the_order_of_the_segments(ramps):
    dataset = SegmentDataset(ramps, np.array([7, 8]), seconds=0.5)
    batch = collate([dataset[SegmentRequest(row, 0, row, 1)] for row in (1, 0)])
    assert batch.waveforms.shape == (2, 8000)
    assert batch.labels.tolist() == [8, 7]
    assert batch.utterances.tolist() == [1, 0]
    assert batch.views.tolist() == [1, 0]
    assert batch.lengths.tolist() == [8000, 8000]
    assert torch.equal(batch.waveforms[0], torch.from_numpy(dataset[SegmentRequest(1, 0, 1, 1)][0]))


def test_what_cannot_be_read_is_told_in_the_place_of_its_segment(ramps, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    dataset = SegmentDataset(ramps, np.arange(2), seconds=0.5, speeds=[0.9])
    dataset.paths[1] = str(tmp_path / "broken.wav")
    read = dataset.__getitems__([SegmentRequest(row, 0, 0, row) for row in (0, 1, 2, 3)])
    assert [isinstance(each, Unreadable) for each in read] == [False, True, False, True]
    # At another speed it is the same recording.
    assert [each[:2] for each in read[1::2]] == [(1, str(tmp_path / "broken.wav"))] * 2
    assert all("cannot be read as audio" in each.reason for each in read[1::2])


def test_noises_that_were_passed_over_come_last(ramps, recorded, tmp_path):
    rows = pl.read_csv(recorded["noises"], separator="\t")
    broken = rows.filter(pl.col("kind") == "noise").with_columns(
        utterance=pl.lit("broken"), path=pl.lit("broken.wav")
    )
    pl.concat([rows, broken]).write_csv(recorded["noises"], separator="\t")
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    settings = AugmentationSettings(noises=recorded["noises"], views=["ambient"])
    dataset = SegmentDataset(ramps, np.arange(2), seconds=0.5, augmentation=settings)
    read = dataset.__getitems__([SegmentRequest(0, 0, 0, seed) for seed in range(20)])
    assert len(read) == 21
    assert read[-1][:2] == (None, str(tmp_path / "broken.wav"))
    assert len(dataset.__getitems__([])) == 0


def test_babble_is_of_other_speech_where_one_cannot_be_read(tone_corpus):
    manifest = scan_recordings(folder_recordings(tone_corpus)).manifest
    settings = AugmentationSettings(views=["babble"])
    dataset = SegmentDataset(manifest, np.arange(60) // 5, seconds=0.5, augmentation=settings)
    dataset.paths[20:40] = ["absent.wav"] * 20
    requests = [SegmentRequest(0, 0, 0, seed) for seed in range(10)]
    read = dataset.__getitems__(requests)
    assert not any(isinstance(each, Unreadable) for each in read)
    assert all(np.isfinite(each.waveform).all() for each in read)

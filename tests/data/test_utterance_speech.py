"""Segments of speech alone, against cutting them from the whole of it, read and joined at once."""

from functools import lru_cache
from multiprocessing.reduction import ForkingPickler
from pickle import loads

import numpy as np
import polars as pl
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from contravox.audio.speech_activity import only_speech
from contravox.audio.waveform import SAMPLE_RATE, read_audio
from contravox.augmentation.augmentation import AugmentationSettings
from contravox.augmentation.speed import change_speed
from contravox.data import utterance_speech
from contravox.data.dataset import Segment, SegmentDataset, Unreadable, segment_places
from contravox.data.sampling import SegmentRequest
from contravox.data.utterance_speech import UtteranceSpeech, part_of_joined
from contravox.errors import AudioError
from contravox.manifest import Manifest
from tones import spoken


def quiet(seconds, seed=0):
    """Which no detector takes for speech, and no two samples of which are alike."""
    noise = np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE))
    return 1e-4 * noise.astype(np.float32)


LONG = [quiet(1.0), spoken(1.5, 120), quiet(1.3, 1), spoken(0.7, 130), quiet(2, 2), spoken(2, 110)]


@pytest.fixture
def manifest(tmp_path):
    """Speech in silence, the same from 0.7 s on, a short word, and silence alone."""
    waveforms = {"long": np.concatenate(LONG), "short": spoken(0.5, 150), "none": quiet(2)}
    for name, waveform in waveforms.items():
        soundfile.write(tmp_path / f"{name}.wav", waveform, SAMPLE_RATE, subtype="FLOAT")
    rows = [("long", 0.0, 8.5), ("long", 0.7, 5.0), ("short", 0.0, 0.5), ("none", 0.0, 2.0)]
    table = pl.DataFrame(rows, ["path", "start", "duration"], orient="row")
    table = table.with_columns(utterance=pl.format("{}{}", "path", "start"), sample_rate=16000)
    return Manifest(table.with_columns(path=f"{tmp_path}/" + pl.col("path") + ".wav"))


def cut(manifest, **settings):
    return SegmentDataset(manifest, np.arange(len(manifest)), speech_only=True, **settings)


@lru_cache
def speech_of(path, start, duration):
    return only_speech(read_audio(path, start=start, duration=duration))


def expected(manifest, request, *, seconds, segments, placement="apart", speeds=()):
    """A segment as an embedding would have it: read whole, speech found, joined, then cut."""
    speed = (1.0, *speeds)[request.utterance // len(manifest)]
    row = manifest.table.row(request.utterance % len(manifest), named=True)
    speech = speech_of(row["path"], row["start"], row["duration"])
    start, length = segment_places(
        len(speech) / SAMPLE_RATE / speed,
        seconds,
        segments,
        np.random.default_rng(request.seed),
        placement,
    )[request.segment]
    first = round(start * speed * SAMPLE_RATE)
    if speed == 1.0:
        segment = speech[first : first + round(length * SAMPLE_RATE)]
    else:
        after = first + int(np.ceil(length * speed * SAMPLE_RATE))
        segment = change_speed(speech[first:after], speed)
    samples = round(seconds * SAMPLE_RATE)
    return segment[:samples] if len(segment) >= samples else np.resize(segment, samples)


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.5, 9.0])
@pytest.mark.parametrize(
    "how",
    [
        {"segments": 1},
        {"segments": 3},
        {"segments": 3, "placement": "anywhere"},
        {"segments": 2, "placement": "together", "speeds": (0.9, 1.1)},
    ],
    ids=["one", "apart", "anywhere", "at other speeds"],
)
def test_segments_are_those_of_the_speech_joined(manifest, seconds, how):
    dataset = cut(manifest, seconds=seconds, **how)
    for row in (0, 1, 2) + ((5, 8, 10) if "speeds" in how else ()):
        for segment in range(how["segments"]):
            for seed in range(5):
                request = SegmentRequest(row, segment, 0, seed)
                waveform = dataset[request].waveform
                wanted = expected(manifest, request, seconds=seconds, **how)
                np.testing.assert_array_equal(waveform, wanted)


def test_speech_is_all_of_it_and_nothing_else(manifest):
    """Without the oracle: of 8.5 s with 4.2 of speech, no segment is silent anywhere for long."""
    dataset = cut(manifest, seconds=0.5)
    speech = dataset.speech.seconds(0)
    assert speech == pytest.approx(4.2 + 5 * 3 * 0.032, abs=0.3)
    whole = SegmentDataset(manifest, np.arange(4), seconds=0.5)
    requests = [SegmentRequest(0, 0, 0, seed) for seed in range(200)]
    silent = [
        sum(np.abs(each[request].waveform).max() < 1e-3 for request in requests)
        for each in (dataset, whole)
    ]
    assert silent[0] == 0
    assert silent[1] > 40


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
def test_of_other_rates_but_for_half_a_sample(tmp_path, rate):
    """A segment begins with a sample of the file's own, and is resampled by itself."""
    waveform = np.concatenate(
        [quiet(1.0), spoken(1.5, 120), quiet(2, 2), spoken(2, 110), quiet(0.5)]
    )
    time = np.arange(round(7 * rate)) / rate
    waveform = np.interp(time, np.arange(len(waveform)) / SAMPLE_RATE, waveform)
    soundfile.write(tmp_path / "a.flac", waveform, rate)
    row = {"utterance": "a", "path": f"{tmp_path}/a.flac", "start": 0.0, "duration": 7.0}
    manifest = Manifest(pl.DataFrame({**row, "sample_rate": rate}))
    dataset = cut(manifest, seconds=3.0)
    for seed in range(5):
        request = SegmentRequest(0, 0, 0, seed)
        waveform = dataset[request].waveform
        wanted = expected(manifest, request, seconds=3.0, segments=1)
        assert waveform.shape == wanted.shape
        # By a sample at 16 kHz, half a one of 8 kHz, 0.47; by two samples 0.9.
        error = [np.std(part) for part in np.split(waveform - wanted, 3)]
        assert max(error) < 0.6 * np.std(wanted)


def test_what_holds_no_speech_is_told_and_not_cut(manifest):
    dataset = cut(manifest, seconds=0.5, segments=2, speeds=[1.1])
    read = dataset.__getitems__([SegmentRequest(row, 1, 0, row) for row in (0, 3, 2, 7, 3)])
    assert [type(each) for each in read] == [Segment, Unreadable, Segment, Unreadable, Unreadable]
    assert {each[:2] for each in read if isinstance(each, Unreadable)} == {(3, dataset.paths[3])}
    assert read[1].reason == (
        f"{dataset.paths[3]}: no speech found in it, and the model embeds nothing else"
    )


def test_babble_is_of_speech_alone(manifest):
    """So that whoever is silent is no voice of it, and the others are all of the time."""
    dataset = cut(manifest, seconds=0.5, augmentation=AugmentationSettings(views=["babble"]))
    draw = dataset._speech_of_others(2)
    for seed in range(30):
        voice = draw(np.random.default_rng(seed), 8_000)
        assert np.abs(voice).max() > 1e-2


@pytest.fixture
def noted(monkeypatch):
    """What is read: (start, duration) each."""
    read = []

    def reading(path, *, start, duration):
        read.append((start, duration))
        return read_audio(path, start=start, duration=duration)

    monkeypatch.setattr(utterance_speech, "read_audio", reading)
    return read


def test_an_utterance_is_read_whole_once(manifest, noted):
    dataset = cut(manifest, seconds=0.4)
    first = [dataset[SegmentRequest(0, 0, 0, seed)].waveform for seed in range(50)]
    assert noted.count((0.0, 8.5)) == 1
    # Later, a segment and at most the longest pause: 2 s, less the margins of speech.
    noted.clear()
    second = [dataset[SegmentRequest(0, 0, 0, seed)].waveform for seed in range(50)]
    assert len(noted) == 50
    assert max(duration for _, duration in noted) < 0.4 + 2
    assert np.median([duration for _, duration in noted]) == pytest.approx(0.4, abs=0.001)
    # It is the same whether speech had to be found or was known.
    np.testing.assert_array_equal(first, second)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_what_a_worker_found_all_know(manifest, monkeypatch):
    dataset = cut(manifest, seconds=0.5)
    requests = [[SegmentRequest(row, 0, 0, 1) for row in (0, 1, 2, 3)]]
    loader = DataLoader(dataset, batch_sampler=requests, collate_fn=list, num_workers=1)
    [found] = list(loader)

    def unwanted(waveform):
        raise AssertionError

    monkeypatch.setattr(utterance_speech, "speech_frames", unwanted)
    [again] = list(loader)
    here = dataset.__getitems__(requests[0])
    for one, other, third in zip(found, again, here, strict=True):
        assert type(one) is type(other) is type(third)
        if isinstance(one, Segment):
            np.testing.assert_array_equal(one.waveform, other.waveform)
            np.testing.assert_array_equal(one.waveform, third.waveform)


def test_processes_that_are_not_forked_share_it_too(manifest, monkeypatch):
    dataset = cut(manifest, seconds=0.5)
    theirs = loads(ForkingPickler.dumps(dataset))
    wanted = theirs[SegmentRequest(0, 0, 0, 1)].waveform
    monkeypatch.setattr(utterance_speech, "speech_frames", None)
    np.testing.assert_array_equal(dataset[SegmentRequest(0, 0, 0, 1)].waveform, wanted)


@pytest.mark.parametrize("place", [0, 5, 9, -1])
def test_half_a_record_is_none(manifest, place):
    """As where another process is writing it at this time."""
    dataset = cut(manifest, seconds=0.5)
    request = SegmentRequest(0, 0, 0, 1)
    wanted = dataset[request].waveform
    record = dataset.speech._record(0)
    whole = record.copy()
    record[place] ^= 255
    np.testing.assert_array_equal(dataset[request].waveform, wanted)
    np.testing.assert_array_equal(record, whole)


def test_a_bit_for_a_frame_is_all_that_is_kept(manifest):
    dataset = cut(manifest, seconds=0.5)
    hours = np.full(100, 3600.0)
    speech = UtteranceSpeech(["none.wav"] * 100, np.zeros(100), hours)
    assert speech.records.numel() / hours.sum() == pytest.approx(1 / 8 / 0.032, rel=0.01)
    # A manifest that is wrong about it claims no memory.
    endless = UtteranceSpeech(["none.wav"], np.zeros(1), np.full(1, 1e9))
    assert endless.records.numel() < 100_000
    # Records touch, and do not overlap.
    sizes = [len(dataset.speech._record(row)) for row in range(4)]
    assert sum(sizes) == dataset.speech.records.numel()


def test_a_file_shorter_than_its_manifest_says(tmp_path):
    soundfile.write(tmp_path / "a.wav", spoken(1.0, 120), SAMPLE_RATE)
    speech = UtteranceSpeech([f"{tmp_path}/a.wav"], np.zeros(1), np.full(1, 60.0))
    assert speech.seconds(0) == pytest.approx(1.0, abs=0.05)
    samples = round(speech.seconds(0) * SAMPLE_RATE)
    assert len(speech.read(0, 0.0, 60.0)) == samples
    np.testing.assert_array_equal(
        speech.read(0, 0.5, 60.0), only_speech(read_audio(tmp_path / "a.wav"))
    )


def test_what_cannot_be_read_is_asked_again(tmp_path):
    speech = UtteranceSpeech([f"{tmp_path}/a.wav"], np.zeros(1), np.ones(1))
    with pytest.raises(AudioError, match="no such file"):
        speech.seconds(0)
    soundfile.write(tmp_path / "a.wav", spoken(1.0, 120), SAMPLE_RATE)
    assert speech.seconds(0) > 0.9


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 8)), min_size=1, max_size=6),
    st.integers(0, 40),
    st.integers(0, 60),
)
def test_a_part_of_joined_stretches_is_that_of_them_joined(gaps_and_lengths, first, samples):
    stretches, place = [], 0
    for gap, length in gaps_and_lengths:
        stretches.append((place + gap, place + gap + length))
        place += gap + length
    joined = np.concatenate([np.arange(*each) for each in stretches])
    parts = part_of_joined(np.array(stretches), first, samples)
    samples = min(max(samples, 1), len(joined))
    first = min(first, len(joined) - samples)
    assert (np.diff(parts) > 0).all()
    np.testing.assert_array_equal(
        np.concatenate([np.arange(*each) for each in parts]), joined[first : first + samples]
    )

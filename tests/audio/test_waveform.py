import os
import socket
import struct

import numpy as np
import pytest
import soundfile
import soxr

from contravox.audio import audio_file, waveform
from contravox.audio.waveform import audio_info, check_speech, read_audio
from contravox.errors import AudioError, AudioWarning
from stores import TroubledStore
from tones import tone


def test_stereo_at_another_rate_becomes_mono_at_16_khz(tmp_path):
    left, right = tone(1.0, 200, rate=44_100), tone(1.0, 300, rate=44_100)
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([left, right], axis=1), 44_100, subtype="FLOAT")
    waveform = read_audio(path)
    assert waveform.dtype == np.float32
    assert waveform.shape == (16_000,)
    # The harmonics of both channels must be there, at half their level, at their frequencies.
    spectrum = np.abs(np.fft.rfft(waveform)) / 8000
    assert spectrum[200] == pytest.approx(0.05, rel=0.05)
    assert spectrum[300] == pytest.approx(0.05, rel=0.05)


def test_the_first_of_several_channels_alone(tmp_path):
    first, second = tone(0.5, 200), tone(0.5, 300)
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([first, second], axis=1), 16_000, subtype="FLOAT")
    np.testing.assert_array_equal(read_audio(path, channel="left"), first)
    np.testing.assert_allclose(read_audio(path), (first + second) / 2, atol=1e-7)


@pytest.mark.parametrize(("ending", "tolerance"), [("wav", 1e-4), ("flac", 1e-4), ("ogg", 0.15)])
def test_formats_give_the_samples_written(tmp_path, ending, tolerance):
    written = tone(0.5, 150)
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, written, 16_000)
    np.testing.assert_allclose(read_audio(path), written, atol=tolerance)


def test_mp3_is_read_in_full(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, tone(1.0, 150), 16_000)
    assert abs(len(read_audio(path)) - 16_000) < 2000


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_a_part_equals_that_part_of_the_whole(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, tone(2.0, 150), 16_000)
    whole = read_audio(path)
    np.testing.assert_array_equal(read_audio(path, start=0.5, duration=0.75), whole[8000:20_000])


def test_raw_is_little_endian_16_bit(tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(struct.pack("<4h", 0, 16_384, -16_384, 8192))
    np.testing.assert_array_equal(read_audio(path), [0.0, 0.5, -0.5, 0.25])


def test_info(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((4410, 2)), 44_100)
    info = audio_info(path)
    assert (info.seconds, info.sample_rate, info.channels) == (0.1, 44_100, 2)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "raw"])
def test_urls_and_parts_of_shards_are_read_as_files(tmp_path, ending):
    path, shard = tmp_path / f"a.{ending}", tmp_path / "shard.tar"
    if ending == "raw":
        path.write_bytes((tone(2.0, 150) * 32768).astype("<i2").tobytes())
    else:
        soundfile.write(path, tone(2.0, 150), 16_000)
    data = path.read_bytes()
    shard.write_bytes(bytes(100) + data + b"more")
    TroubledStore.begin()
    TroubledStore().pipe_file(f"/bucket/a.{ending}", data)
    places = [f"troubled://bucket/a.{ending}", f"file://{path}"]
    if ending != "raw":  # Nothing within a shard says that it is one.
        places.append(f"{shard}#bytes=100-{99 + len(data)}")
    for place in places:
        assert audio_info(place) == audio_info(path)
        for part in ({}, {"start": 0.5, "duration": 0.75}, {"start": 1.9}):
            np.testing.assert_array_equal(read_audio(place, **part), read_audio(path, **part))


CODED = [
    ("WAV", "GSM610"),
    ("AIFF", "GSM610"),
    ("W64", "GSM610"),
    ("WAV", "G721_32"),
    ("AU", "G721_32"),
    ("AU", "G723_24"),
    ("AU", "G723_40"),
    ("WAV", "NMS_ADPCM_16"),
    ("WAV", "NMS_ADPCM_32"),
    ("WAV", "IMA_ADPCM"),
    ("WAV", "ULAW"),
    ("CAF", "ALAC_16"),
]


@pytest.mark.parametrize(("form", "coding"), CODED)
def test_codings_of_telephone_exchanges_are_read_whole_and_in_part(tmp_path, form, coding):
    """Several of them cannot seek."""
    path = tmp_path / "a.audio"
    soundfile.write(path, tone(2.0, 150, rate=8000), 8000, format=form, subtype=coding)
    with soundfile.SoundFile(path) as file:
        frames = file.frames
        samples = file.read(frames, dtype="float32")
    assert audio_info(path).seconds == frames / 8000
    whole = soxr.resample(samples, 8000, 16_000)
    np.testing.assert_array_equal(read_audio(path), whole)
    part = soxr.resample(samples[6000:10_000], 8000, 16_000)
    np.testing.assert_array_equal(read_audio(path, start=0.75, duration=0.5), part)


def flac_of_length(path, frames):
    """Write a FLAC file of 2 s whose header claims another number of frames."""
    soundfile.write(path, tone(2.0, 150), 16_000)
    data = bytearray(path.read_bytes())
    # Of the 8 bytes at 18, the last 36 bits.
    fields = int.from_bytes(data[18:26], "big") >> 36 << 36 | frames
    data[18:26] = fields.to_bytes(8, "big")
    path.write_bytes(data)


def test_flac_of_a_pipe_whose_length_was_not_known_is_read_to_its_end(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(2.0, 150), 16_000)
    whole = read_audio(path)
    flac_of_length(path, 0)
    assert audio_info(path).seconds == 2.0
    np.testing.assert_array_equal(read_audio(path), whole)
    np.testing.assert_array_equal(read_audio(path, duration=0.5), whole[:8000])
    with pytest.raises(AudioError, match=r"no audio at 2\.5 s|cannot be decoded"):
        read_audio(path, start=2.5)


@pytest.mark.parametrize("frames", [32_001, 10**6, 2**36 - 1])
def test_a_length_that_is_not_there_is_no_length(tmp_path, frames):
    path = tmp_path / "a.flac"
    flac_of_length(path, frames)
    for read in (read_audio, audio_info):
        with pytest.raises(AudioError, match=r"cut short|cannot be decoded|at most 6 hours"):
            read(path)


def test_long_recordings_are_read_in_parts(tmp_path, monkeypatch):
    """As those of hours are: of 8 channels and 24-bit samples, decoded block by block."""
    path = tmp_path / "a.wav"
    channels = np.stack([tone(3.0, 100 + 10 * n, rate=44_100) for n in range(8)], axis=1)
    soundfile.write(path, channels, 44_100, subtype="PCM_24")
    whole = read_audio(path)
    monkeypatch.setattr(audio_file, "BLOCK", 8000)
    np.testing.assert_array_equal(read_audio(path), whole)
    monkeypatch.setattr(waveform, "MAXIMUM_SECONDS", 2)
    with pytest.raises(AudioError, match=r"0\.0 hours, and at most 0 hours are read at once"):
        read_audio(path)
    assert len(read_audio(path, start=0.5, duration=2.0)) == 32_000


def test_as_many_hours_as_are_read_at_once_of_unknown_length(tmp_path, monkeypatch):
    path = tmp_path / "a.flac"
    flac_of_length(path, 0)
    monkeypatch.setattr(waveform, "MAXIMUM_SECONDS", 1)
    with pytest.raises(AudioError, match="longer, and at most"):
        read_audio(path)


@pytest.mark.parametrize("rate", [1, 100, 3999, 768_001, 10_000_000])
def test_rates_that_no_speech_has(tmp_path, rate):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(1.0, 150), rate)
    for read in (read_audio, audio_info):
        with pytest.raises(AudioError, match=f"its header says {rate:,} samples a second"):
            read(path)


def test_many_channels(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.tile(tone(0.5, 150)[:, None], (1, 1024)), 16_000)
    assert audio_info(path).channels == 1024
    np.testing.assert_allclose(read_audio(path), tone(0.5, 150), atol=1e-4)


def riff(data_size, riff_size, samples, more=b""):
    """A WAV file of 16-bit samples with sizes as given."""
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    data = struct.pack("<4sI", b"data", data_size) + samples
    return struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE") + fmt + data + more


@pytest.mark.parametrize("riff_size", [0, 36, 36 + 16_000, 2**32 - 1])
@pytest.mark.parametrize("data_size", [0, 2**32 - 1])
def test_a_wav_whose_recorder_was_stopped_is_read_to_the_end(tmp_path, data_size, riff_size):
    path, pcm = tmp_path / "a.wav", (tone(0.5, 150) * 32_767).astype("<i2")
    path.write_bytes(riff(data_size, riff_size, pcm.tobytes()))
    assert audio_info(path).seconds == 0.5
    np.testing.assert_array_equal(read_audio(path), pcm / np.float32(32_768))


@pytest.mark.parametrize("more", [b"", struct.pack("<4sI4s", b"LIST", 4, b"INFO")])
def test_a_wav_of_no_samples_is_empty(tmp_path, more):
    path = tmp_path / "a.wav"
    path.write_bytes(riff(0, 36 + len(more), b"", more))
    with pytest.raises(AudioError, match="empty, its header says that it holds no samples"):
        read_audio(path)


@pytest.mark.parametrize("ending", ["ogg", "opus", "flac", "mp3", "au", "caf"])
def test_several_recordings_in_one_file_are_warned_of(tmp_path, ending, recwarn):
    path, form = tmp_path / f"a.{ending}", {"opus": ("OGG", "OPUS")}.get(ending, (None, None))
    soundfile.write(path, tone(1.0, 150), 16_000, format=form[0], subtype=form[1])
    one = read_audio(path)
    audio_info(path)
    assert not recwarn
    path.write_bytes(2 * path.read_bytes())
    for read in (read_audio, audio_info):
        with pytest.warns(AudioWarning, match=rf"a\.{ending}: holds several recordings"):
            read(path)
    TroubledStore.begin()
    TroubledStore().pipe_file("/a", path.read_bytes())
    with pytest.warns(AudioWarning, match="troubled://a: holds several recordings"):
        np.testing.assert_array_equal(read_audio("troubled://a"), one)


def make_fifo(path):
    os.mkfifo(path)


def make_folder(path):
    path.mkdir()


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))


def make_device(path):
    path.symlink_to("/dev/zero")


def make_circle(path):
    path.symlink_to(path)


def make_system_file(path):
    path.symlink_to("/proc/self/status")


@pytest.mark.parametrize(
    "make", [make_fifo, make_folder, make_socket, make_device, make_circle, make_system_file]
)
def test_only_regular_files_are_opened(tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.wav"
    make(path)
    for place in (path, f"file://{path}", f"{path}.tar#bytes=0-9"):
        if place != path:
            path.with_name("a.wav.tar").unlink(missing_ok=True)
            path.with_name("a.wav.tar").symlink_to(path)
        with pytest.raises(AudioError, match=str(path)):
            read_audio(place)


def test_links_to_recordings_are_followed(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(0.5, 150), 16_000)
    (tmp_path / "b.wav").symlink_to(tmp_path / "a.wav")
    np.testing.assert_array_equal(read_audio(tmp_path / "b.wav"), read_audio(tmp_path / "a.wav"))


def test_names_that_are_not_utf8(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.wav")
    soundfile.write(os.fsencode(path), tone(0.5, 150), 16_000)
    assert len(read_audio(path)) == 8000
    with pytest.raises(AudioError, match="no such file"):
        read_audio(path + "x")


@pytest.mark.parametrize(
    ("start", "duration"),
    [
        *((np.nan, None), (-1.0, None), (np.inf, 1.0), (1e300, None), (1e300, 1e300)),
        *((0.0, np.nan), (0.0, -1.0), (0.0, 0.0), (0.0, -1e305), (0.0, -np.inf)),
    ],
)
def test_parts_that_are_none(tmp_path, start, duration):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(0.5, 150), 16_000)
    with pytest.raises(AudioError, match=r"give seconds|holds no audio at"):
        read_audio(path, start=start, duration=duration)


def test_a_part_that_goes_beyond_the_end_is_what_there_is(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(0.5, 150), 16_000)
    assert len(read_audio(path, start=0.25, duration=1e300)) == 4000


def test_raw_of_an_odd_number_of_bytes_and_in_capitals(tmp_path):
    (tmp_path / "a.RAW").write_bytes(struct.pack("<4h", 0, 16_384, -16_384, 8192))
    np.testing.assert_array_equal(read_audio(tmp_path / "a.RAW"), [0.0, 0.5, -0.5, 0.25])
    (tmp_path / "b.raw").write_bytes(bytes(101))
    with pytest.raises(AudioError, match="of 101 bytes, an odd number"):
        read_audio(tmp_path / "b.raw")


@pytest.mark.parametrize("peak", [1e5, 1e30, 3e38])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_that_no_recording_has(tmp_path, peak, channels):
    path = tmp_path / "a.wav"
    samples = np.tile(tone(0.5, 150)[:, None], (1, channels))
    samples = (samples / np.abs(samples).max() * peak).astype(np.float32)
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    for read in (read_audio, audio_info):
        with pytest.raises(AudioError, match=r"a\.wav: holds samples that are (up to|not finite)"):
            read(path)


def _text(path):
    path.write_text("this is no audio\n" * 100)


def _empty(path):
    soundfile.write(path, np.zeros(0), 16_000)


def _no_bytes(path):
    path.write_bytes(b"")


def _cut_short(path):
    soundfile.write(path, tone(1.0, 150), 16_000)
    path.write_bytes(path.read_bytes()[:20_000])


def _not_finite(path):
    waveform = tone(1.0, 150)
    waveform[100] = np.nan
    soundfile.write(path, waveform, 16_000, subtype="FLOAT")


@pytest.mark.parametrize(
    ("ending", "make", "reason"),
    [
        ("wav", _text, "cannot be read as audio"),
        ("wav", _no_bytes, "cannot be read as audio"),
        ("wav", _empty, "empty"),
        ("wav", _cut_short, "cut short"),
        ("flac", _cut_short, "cannot be decoded|cut short"),
        ("wav", _not_finite, "not finite"),
    ],
)
def test_what_cannot_be_trusted_is_an_error_naming_the_file(tmp_path, ending, make, reason):
    path = tmp_path / f"bad.{ending}"
    make(path)
    with pytest.raises(AudioError, match=reason) as caught:
        read_audio(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wav_written_to_a_pipe_is_not_cut_short(tmp_path):
    # Such files say 0xFFFFFFFF bytes, since their writer could not know.
    path = tmp_path / "piped.wav"
    soundfile.write(path, tone(0.5, 150), 16_000)
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert len(read_audio(path)) == 8000


def test_missing_file_and_start_past_the_end(tmp_path):
    with pytest.raises(AudioError, match="no such file"):
        read_audio(tmp_path / "none.wav")
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(0.5, 150), 16_000)
    with pytest.raises(AudioError, match=r"no audio at 0\.6 s"):
        read_audio(path, start=0.6)


@pytest.mark.parametrize(
    ("waveform", "reason"),
    [
        (np.zeros(16_000, np.float32), "silent"),
        (tone(1.0, 150) * 1e-4, "silent"),
        (tone(0.09, 150), "0.090 s long"),
        (np.full(16_000, np.inf, np.float32), "not finite"),
        (np.full(16_000, 0.5, np.float32), "silent"),
        (np.float32(0.5) + tone(1.0, 150) * np.float32(1e-4), "silent"),
    ],
)
def test_speech_that_gives_no_embedding(waveform, reason):
    with pytest.raises(AudioError, match=reason):
        check_speech(waveform, "a.wav")


def test_clipped_speech_warns_and_other_speech_does_not(recwarn):
    check_speech(tone(1.0, 150), "a.wav")
    assert not recwarn
    with pytest.warns(AudioWarning, match=r"a\.wav: clipped"):
        check_speech(np.clip(20 * tone(1.0, 150), -1, 1), "a.wav")


def test_speech_of_another_scale_is_not_called_clipped():
    with pytest.warns(AudioWarning, match=r"a\.wav: reaches 3e\+04 where full scale is 1"):
        check_speech(tone(1.0, 150) / np.abs(tone(1.0, 150)).max() * 30_000, "a.wav")

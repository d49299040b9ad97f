import struct

import numpy as np
import pytest
import soundfile

from contravox.audio import audio_info, check_speech, read_audio
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
    np.testing.assert_array_equal(read_audio(path, channel="first"), first)
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

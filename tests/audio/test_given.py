import io

import numpy as np
import pytest
import soundfile

from contravox.audio.audio_file import AudioBytes
from contravox.audio.channels import compare_channels
from contravox.audio.given import audio_source
from contravox.audio.waveform import read_audio
from contravox.errors import AudioError
from tones import spoken


@pytest.fixture
def path(tmp_path):
    soundfile.write(tmp_path / "a.flac", spoken(1.0, 120, rate=22_050), 22_050)
    return tmp_path / "a.flac"


def test_every_form_of_a_recording_is_the_same_waveform(path):
    expected = read_audio(path)
    samples, rate = soundfile.read(path, dtype="int16")
    floats, _ = soundfile.read(path, dtype="float64")
    data = path.read_bytes()
    forms = [path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data)]
    forms += [(samples, rate), (floats, rate), (floats.astype(np.float32), np.int64(rate))]
    forms += [(np.stack([floats, floats], axis=1), rate)]
    for form in forms:
        np.testing.assert_array_equal(read_audio(audio_source(form)), expected)
    with open(path, "rb") as file:
        np.testing.assert_array_equal(read_audio(audio_source(file)), expected)


def test_the_channels_of_bytes_are_compared(path):
    voice = spoken(0.5, 120)
    opposed = audio_source((np.stack([voice, -voice], axis=1), 16_000))
    assert compare_channels(opposed).correlation == pytest.approx(-1)


def test_samples_are_looked_at_as_those_of_files_are():
    voice = spoken(0.5, 120)
    voice[3] = np.nan
    with pytest.raises(AudioError, match="the caller: holds samples that are not finite"):
        read_audio(audio_source((voice, 16_000), "the caller"))
    with pytest.raises(AudioError, match="not finite"):
        read_audio(audio_source((np.full(9000, 1e300), 16_000)))
    with pytest.raises(AudioError, match="100 samples a second"):
        read_audio(audio_source((voice, 100)))


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        (None, "NoneType is no recording"),
        ([0.1, 0.2], "list is no recording"),
        ((np.zeros(9), 16_000, 1), "tuple is no recording"),
        (io.StringIO("RIFF"), "opened as text"),
        ((np.zeros((2, 16_000), np.float32), 16_000), "shape"),
        ((np.zeros((2, 2, 2), np.float32), 16_000), "shape"),
        ((np.zeros(9, np.uint8), 16_000), "type uint8"),
        ((np.zeros(9, complex), 16_000), "type complex128"),
        ((np.zeros(9, np.float32), 16_000.5), "rate 16000.5"),
        ((np.zeros(9, np.float32), -1), "rate -1"),
        ((np.zeros(9, np.float32), True), "rate True"),
        ((np.zeros(0, np.float32), 16_000), "no samples"),
    ],
)
def test_what_is_no_recording_is_refused_by_its_name(form, reason):
    with pytest.raises(AudioError, match=f"^upload: .*{reason}"):
        audio_source(form, "upload")


def test_a_closed_file_is_one_line(path):
    file = open(path, "rb")  # noqa: SIM115
    file.close()
    with pytest.raises(AudioError, match=r"^upload: cannot be read"):
        audio_source(file, "upload")


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not audio at all" * 100])
def test_bytes_that_are_no_audio_are_refused(data):
    with pytest.raises(AudioError, match=r"^upload: cannot be read as audio"):
        read_audio(audio_source(data, "upload"))


def test_bytes_do_not_appear_where_a_source_is_shown():
    assert repr(AudioBytes(b"secret", "a")) == "AudioBytes(6 bytes, 'a')"

"""Whatever bytes a recording has, it is read, or refused in one short line."""

import io
import struct
import subprocess
import sys
import warnings

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from contravox.audio import audio_file
from contravox.audio.audio_file import UNKNOWN, AudioBytes, open_audio
from contravox.audio.storage import Location
from contravox.audio.waveform import audio_info, read_audio
from contravox.errors import AudioError, RecordingTooLongError
from fuzz.damage import with_ogg_checksums
from profiles import examples
from tones import tone


def coded(form, coding=None):
    """A recording of half a second."""
    file = io.BytesIO()
    soundfile.write(file, tone(0.5, 150, rate=8000), 8000, format=form, subtype=coding)
    return file.getvalue()


VALID = [
    *(coded("WAV"), coded("WAV", "FLOAT"), coded("WAV", "GSM610"), coded("WAV", "IMA_ADPCM")),
    *(coded("RF64"), coded("W64"), coded("AIFF"), coded("AIFF", "FLOAT"), coded("AU", "ULAW")),
    *(coded("AU", "G721_32"), coded("CAF"), coded("CAF", "ALAC_16"), coded("NIST")),
    *(coded("FLAC"), coded("OGG"), coded("OGG", "OPUS"), coded("MP3")),
]
ENDINGS = ["wav", "flac", "ogg", "mp3", "raw", "sph", "aiff", "", "txt"]
EXTREMES = [0, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1]


@st.composite
def mutated(draw):
    """A valid file, with bytes changed, a header field at an extreme, or cut."""
    data = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data) - 1) | st.integers(0, min(90, len(data) - 1)))
        match draw(st.sampled_from(["byte", "word", "cut", "insert", "leave out"])):
            case "byte":
                data[place] = draw(st.integers(0, 255))
            case "word":
                order = draw(st.sampled_from("<>"))
                data[place : place + 4] = struct.pack(f"{order}I", draw(st.sampled_from(EXTREMES)))
            case "cut":
                del data[max(1, place) :]
            case "insert":
                data[place:place] = draw(st.binary(max_size=50))
            case "leave out":
                del data[place : place + draw(st.integers(1, 50))]
        if not data:
            break
    return bytes(data)


def check_all(path, start, duration):
    """Read a file every way; refuse to be told nothing, or much."""
    calls = [
        lambda: np.array([audio_info(path).seconds]),
        lambda: read_audio(path),
        lambda: read_audio(path, start=start, duration=duration),
        lambda: read_audio(f"file://{path}", channel="first"),
        lambda: read_audio(AudioBytes(path.read_bytes(), str(path), longest=60.0)),
    ]
    for call in calls:
        values, message = [0.0], ""
        try:
            values = call()
        except AudioError as error:
            message = str(error).replace(str(path), "")
        assert len(values)
        assert np.isfinite(values).all()
        assert "\n" not in message
        assert len(message) < 250


@examples(300)
@given(
    data=mutated() | st.binary(max_size=3000),
    ending=st.sampled_from(ENDINGS),
    start=st.floats(),
    duration=st.none() | st.floats(),
)
def test_any_bytes(tmp_path, capfd, data, ending, start, duration):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_all(path, start, duration)
    assert capfd.readouterr().err == ""


def test_ogg_of_which_nothing_can_be_decoded_does_not_end_the_process(tmp_path):
    """libvorbis 1.3.7 ends it where one seeks there before anything was decoded."""
    whole = bytearray(coded("OGG"))
    # A bit of the codebooks, of which the second page tells.
    whole[whole.index(b"OggS", 4) + 653] ^= 64
    path = tmp_path / "a.ogg"
    path.write_bytes(with_ogg_checksums(bytes(whole)))
    script = "import sys; from contravox.audio.waveform import read_audio as read\n"
    script += "try: read(sys.argv[1], start=0.1)\nexcept Exception as error: print(error)"
    ended = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert ended.returncode == 0
    assert "cut short, 0 of 3200 samples are there" in ended.stdout


def test_bytes_stay_where_they_are_where_a_place_is_asked_for_that_there_is_not():
    file = audio_file._Bytes(b"ab")
    assert [file.seek(-5), file.seek(1), file.seek(-5), file.seek(2**70)] == [0, 1, 1, 1]


@examples(300)
@given(
    name=st.text()
    | st.from_regex(r"\A[a-z:/.]{0,9}\.tar#bytes=[0-9]{0,30}-[0-9]{0,30}\Z")
    | st.integers(5000, 9000).map(lambda digits: f"a.tar#bytes=0-{'9' * digits}")
)
def test_any_location(name):
    message = ""
    try:
        location = Location.parse(name)
    except AudioError as error:
        location, message = Location("a"), str(error)
    assert len(message) < 250
    assert location.length is None or 0 < location.length < 2**31
    assert Location.parse(str(location)) == location


def silence(seconds, rate=16_000, channels=1):
    file = io.BytesIO()
    soundfile.write(file, np.zeros((round(seconds * rate), channels), np.int16), rate, "PCM_16",
                    format="FLAC")  # fmt: skip
    return file.getvalue()


@pytest.mark.parametrize(
    ("rate", "channels", "most"),
    [(16_000, 1, 2.0), (48_000, 2, 2.0), (96_000, 1, 2.0), (96_000, 2, 1.0), (48_000, 8, 0.5)],
)
def test_no_more_is_taken_than_may_be_by_its_header(rate, channels, most, monkeypatch):
    """Two seconds may be, of 96,000 samples each over all channels."""
    for seconds, taken in ((most, True), (most + 0.01, False)):
        source = AudioBytes(silence(seconds, rate, channels), "upload", 2.0)
        if taken:
            with open_audio(source) as file:
                assert sum(map(len, file.decoded(UNKNOWN))) == round(seconds * rate)
            continue
        with pytest.raises(RecordingTooLongError, match=f"upload: longer than {most:.3g} s"):
            open_audio(source).__enter__()


def test_what_the_header_does_not_tell_is_counted():
    whole = silence(60.0)
    # The 36 bits that count samples: 0 is "not known".
    unknown = whole[:21] + bytes([whole[21] & 0xF0]) + bytes(4) + whole[26:]
    with open_audio(AudioBytes(unknown, "upload")) as file:
        known = file.length
    with (
        pytest.raises(RecordingTooLongError, match="longer than 2 s"),
        open_audio(AudioBytes(unknown, "upload", 2.0)) as file,
    ):
        for _ in file.decoded(UNKNOWN):
            pass
    assert known is None or known > 2 * 16_000

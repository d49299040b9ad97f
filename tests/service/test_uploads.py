import asyncio
import io
import struct
import tempfile
import zlib

import numpy as np
import pytest
import soundfile

from contravox.service import uploads
from contravox.service.limits import Limits
from contravox.service.refusals import RefusedError


def encoded(samples, rate=16_000, **how):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, **{"format": "WAV", **how})
    return file.getvalue()


def kind(response):
    return response.status_code, response.json()["error"]["kind"]


def header(frames, rate, channels=1):
    """A WAV file that says that it has so many frames, and has hardly any."""
    size = frames * channels * 2
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", (size + 36) % 2**32)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + struct.pack("<I", size % 2**32)
        + bytes(2_000)
    )


NOISE = np.random.default_rng(0).standard_normal(16_000).astype(np.float32) / 10
HOSTILE = {
    "nothing": b"",
    "one byte": b"R",
    "zeros": bytes(50_000),
    "text": b"not a recording" * 1000,
    "html": b"<script>alert(1)</script>",
    "zip": b"PK\x03\x04" + bytes(1000),
    "a pickle": b"\x80\x04\x95" + bytes(100),
    "compressed zeros": zlib.compress(bytes(10_000_000)),
    "a path": b"/etc/passwd",
    "a URL": b"https://evil.example/a.wav",
    "only a header": header(0, 16_000),
    "cut short": header(2**24, 16_000),
    "a size that overflows": header(2**31, 16_000, 2),
    "no rate": header(1_000, 0),
    "an impossible rate": header(1_000, 2**31 - 1),
    "very many channels": header(1_000, 16_000, 30_000),
    "RIFF in RIFF": b"RIFF\xff\xff\xff\xffWAVERIFF\xff\xff\xff\xffWAVE" * 100,
    "half a FLAC": encoded(NOISE, format="FLAC")[:3_000],
    "a FLAC with bits turned": bytes(
        each ^ (0x55 if place > 200 and place % 97 == 0 else 0)
        for place, each in enumerate(encoded(NOISE, format="FLAC"))
    ),
    "half an Ogg": encoded(NOISE, format="OGG", subtype="VORBIS")[:4_000],
    "an MP3's tag alone": b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(5_000),
    "silence": encoded(np.zeros(32_000, np.float32)),
    "not finite": encoded(np.full(32_000, np.nan, np.float32), subtype="FLOAT"),
    "far too loud": encoded(NOISE * 1e9, subtype="FLOAT"),
    "too short": encoded(NOISE[:100]),
    "no speech": encoded(NOISE),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_recording_is_refused_in_a_line_and_leaves_nothing(client, name):
    for response in (
        client.verify("Ann", HOSTILE[name]),
        client.identify(HOSTILE[name]),
        client.enrol("Mallory", HOSTILE[name]),
    ):
        assert kind(response) == (422, "recording")
        message = response.json()["error"]["message"]
        assert "\n" not in message
        assert len(message) <= 400
        assert "--" not in message
    assert client.names()[0] == ["Ann", "Bob"]


def test_a_long_recording_is_refused_before_it_is_decoded(started, wav, monkeypatch):
    client = started(longest=2.0)
    read = soundfile.SoundFile.read
    decoded = []
    monkeypatch.setattr(
        soundfile.SoundFile, "read", lambda *a, **k: decoded.append(1) or read(*a, **k)
    )
    assert kind(client.identify(wav("Ann", seconds=2.5))) == (413, "recording_too_long")
    # An hour of silence is small: 180 kB of FLAC.
    bomb = encoded(np.zeros(3600 * 16_000, np.int16), format="FLAC")
    assert len(bomb) < 200_000
    assert kind(client.identify(bomb)) == (413, "recording_too_long")
    assert not decoded
    assert client.identify(wav("Ann", seconds=2.0)).status_code == 200


def test_many_channels_or_a_high_rate_do_not_make_it_larger(started):
    client = started(longest=2.0)
    samples = np.zeros((192_000, 8), np.int16)
    assert kind(client.identify(encoded(samples, 192_000, format="FLAC"))) == (
        413,
        "recording_too_long",
    )


def test_a_file_that_says_it_is_short_is_not_decoded_further(started, wav):
    client = started(longest=2.0)
    whole = encoded(np.zeros(3600 * 16_000, np.int16), format="FLAC")
    # The 36 bits of a FLAC header that count samples: 0 is "not known".
    unknown = whole[:21] + bytes([whole[21] & 0xF0]) + bytes(4) + whole[26:]
    assert kind(client.identify(unknown))[0] in (413, 422)
    assert kind(client.identify(unknown))[1] in ("recording_too_long", "recording")


def test_no_more_is_read_than_is_taken(started, wav):
    client = started(largest=100_000)
    assert client.identify(wav("Ann", seconds=2.0)).status_code == 200
    large = wav("Ann", seconds=4.0)
    assert kind(client.identify(large)) == (413, "too_large")

    read = []

    def body():
        head = b'--x\r\nContent-Disposition: form-data; name="recording"; filename="a"\r\n\r\n'
        for each in (head, *[large[:10_000]] * 1000):
            read.append(each)
            yield each

    # In pieces, so that nothing says how long it is.
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert kind(client.post("/v1/identify", content=body(), headers=headers)) == (413, "too_large")


def test_only_so_many_files_and_fields(started, wav):
    client = started(most_recordings=2)
    assert kind(client.enrol("Ann", *[wav("Ann", seed) for seed in range(3)])) == (413, "too_many")
    assert kind(client.enrol("Ann", wav("Ann"), channel="x" * 100_000)) == (413, "too_large")
    fields = {str(number): "1" for number in range(100)}
    assert kind(client.enrol("Ann", wav("Ann"), **fields)) == (400, "form")


@pytest.mark.parametrize(
    ("content", "kind_of_body", "expected"),
    [
        (b"{}", "application/json", (415, "media_type")),
        (b"a=1", "application/x-www-form-urlencoded", (415, "media_type")),
        (b"", "", (415, "media_type")),
        (b"x", "multipart/form-data", (400, "form")),
        (b"x", "multipart/form-data; boundary=y", (400, "form")),
        (b"--y\r\n\r\n\r\n--y--", "multipart/form-data; boundary=y", (400, "form")),
        (
            b"--y\r\nContent-Disposition: form-data; name=a",
            "multipart/form-data; boundary=y",
            (400, "form"),
        ),
    ],
)
def test_what_is_no_form_is_refused(client, content, kind_of_body, expected):
    headers = {"Content-Type": kind_of_body} if kind_of_body else {}
    response = client.post("/v1/verify", content=content, headers=headers)
    assert kind(response) == expected


@pytest.mark.parametrize("charset", ["undefined", "a\0b", "base64", "none"])
def test_a_charset_that_is_none_is_the_mistake_of_who_sends_it(client, charset):
    headers = {"Content-Type": f"multipart/form-data; charset={charset}; boundary=y"}
    content = b"--y\r\nContent-Disposition: form-data; name=\xff..\r\n\r\n\xff..\r\n--y--"
    response = client.post("/v1/verify", content=content, headers=headers)
    # What names no codec of text is read as Latin-1.
    expected = (400, "form") if charset in ("undefined", "a\0b") else (422, "field")
    assert kind(response) == expected


def test_of_a_form_that_is_cut_off_nothing_is_stored(client, wav):
    form = b"--y\r\nContent-Disposition: form-data; name=%s\r\n\r\n%s\r\n"
    parts = [form % (b"speaker", b"Cid")]
    parts += [form % (b"recordings; filename=a", wav("Cid", seed)) for seed in (1, 2)]
    whole = b"".join(parts) + b"--y--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=y"}
    first = sum(map(len, parts[:2]))
    # Within a recording, after one, within the boundary after the first, before the last hyphen.
    for size in (first + 5_000, first, first + 2, len(whole) - 3):
        response = client.post("/v1/enrol", content=whole[:size], headers=headers)
        assert kind(response) == (400, "form")
        assert "closing boundary: send it whole" in response.json()["error"]["message"]
    assert client.names()[0] == ["Ann", "Bob"]
    # The end of the line after it is not needed.
    response = client.post("/v1/enrol", content=whole[:-2], headers=headers)
    assert (response.status_code, response.json()["added"]) == (201, 2)


def test_who_sends_slowly_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(uploads, "UPLOAD_SECONDS", 0.01)
    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    scope = {"type": "http", "method": "POST", "headers": headers}
    request = uploads.UploadRequest(scope, lambda: asyncio.sleep(60))
    with pytest.raises(RefusedError) as refused:
        asyncio.run(request.read(Limits()))
    assert (refused.value.status, refused.value.kind) == (408, "slow")


def test_no_voice_lies_in_a_file(client, wav, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a file was made")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", refuse)
    assert client.identify(wav("Ann", seconds=40.0)).status_code == 200


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_any_format_is_read_whatever_it_is_called(client, wav, format):
    samples, rate = soundfile.read(io.BytesIO(wav("Ann", 7)))
    file = ("../../etc/passwd", encoded(samples, rate, format=format), "text/html")
    told = client.post("/v1/identify", files={"recording": file}).json()
    assert told["speaker"] == "Ann"

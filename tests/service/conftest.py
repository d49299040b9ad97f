"""Services over generated voices, asked in this process."""

import contextlib
import functools
import io

import pytest
import soundfile
from fastapi.testclient import TestClient

from contravox.gallery.gallery import Gallery
from contravox.service.app import make_app
from contravox.service.limits import Limits
from contravox.service.service import Service
from voices import pitch_verifier, said_by


@functools.cache
def wav(name, seed=0, seconds=2.5):
    """What a client uploads of somebody who speaks."""
    samples, rate = said_by(name, seed, seconds)
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV")
    return file.getvalue()


class Client(TestClient):
    """A client with the words of the service."""

    def websocket_connect(self, url, *, headers=None, **how):
        return super().websocket_connect(
            url, headers={"Host": "localhost", **(headers or {})}, **how
        )

    def verify(self, speaker, recording, **fields):
        data = {"speaker": speaker, **fields}
        return self.post("/v1/verify", data=data, files={"recording": recording})

    def enrol(self, speaker, *recordings, **fields):
        files = [("recordings", ("a.wav", each)) for each in recordings]
        return self.post("/v1/enrol", data={"speaker": speaker, **fields}, files=files)

    def identify(self, recording, **fields):
        return self.post("/v1/identify", data=fields, files={"recording": recording})

    def names(self, **query):
        told = self.get("/v1/speakers", params=query).json()
        return [each["name"] for each in told["speakers"]], told["next"]


@pytest.fixture
def started(tmp_path):
    """Start services, which end with the test."""
    with contextlib.ExitStack() as stack:

        def start(place=None, keys=None, verifier=None, headers=None, **limits):
            model = verifier or pitch_verifier(threshold=0.5, threshold_source="list A")
            gallery = Gallery.open(place or tmp_path / "gallery.sqlite", model)
            service = Service(gallery, "pitch.onnx", Limits(**limits), keys)
            client = Client(make_app(service), base_url="http://localhost", headers=headers)
            return stack.enter_context(client)

        yield start


@pytest.fixture
def client(started):
    """Of a service with Ann and Bob."""
    client = started()
    for name in ("Ann", "Bob"):
        assert client.enrol(name, wav(name, 1), wav(name, 2)).status_code == 201
    return client


@pytest.fixture(name="wav")
def make_wav():
    return wav

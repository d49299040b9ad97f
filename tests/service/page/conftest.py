"""A browser and services for it, of a model that knows speakers by their pitch."""

import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soundfile
import uvicorn

from contravox.gallery.gallery import Gallery
from contravox.inference.verifier import Verifier
from contravox.scoring.calibration import Calibration
from contravox.service.app import make_app
from contravox.service.keys import KeyFile
from contravox.service.limits import Limits
from contravox.service.service import Service
from voices import pitch_verifier, said_by


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass
class Served:
    """A service that runs: its address, its gallery, and itself."""

    base: str
    gallery: Gallery
    service: Service

    def enrol(self, *names: str, recordings: int = 3) -> None:
        for name in names:
            self.gallery.enrol(name, [said_by(name, 50 + seed) for seed in range(recordings)])


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """Start a service of a verifier, or of voices with settings. Its gallery is empty."""
    running = []

    def start(
        verifier: Verifier | None = None,
        *,
        keys: Path | None = None,
        limits: Limits | None = None,
        **settings: Any,
    ) -> Served:
        place = tmp_path_factory.mktemp("served") / "gallery.sqlite"
        gallery = Gallery.open(place, verifier or pitch_verifier(**settings))
        kept = KeyFile(keys) if keys else None
        service = Service(gallery, "pitch.onnx", limits or Limits(), kept)
        server = uvicorn.Server(uvicorn.Config(make_app(service), log_level="critical"))
        listener = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((server, thread))
        return Served(f"http://localhost:{listener.getsockname()[1]}", gallery, service)

    yield start
    for server, _ in running:
        server.should_exit = True
    for _, thread in running:
        thread.join()


@pytest.fixture
def service(serve):
    """One that decides by a threshold of 0.5."""
    return serve(threshold=0.5, threshold_source="list A")


@pytest.fixture
def calibrated():
    """Settings of a model whose odds for the same speaker are 1:1 at a score of 0.5."""
    return {"calibration": Calibration(offset=-5.0, weights={"score": 10.0})}


@pytest.fixture(scope="session")
def modules_service(serve):
    return serve()


@pytest.fixture
def modules(page, modules_service):
    """The page, of which single modules are tried."""
    if not page.driver.current_url.startswith(modules_service.base):
        page.open(modules_service.base)
    return page


@pytest.fixture
def voice_file(tmp_path):
    """Files of what somebody says."""

    def write(name, seed=0, seconds=3.0):
        path = tmp_path / f"{name} {seed}.wav"
        if path.exists():
            return path
        soundfile.write(path, *said_by(name, seed, seconds))
        return path

    return write

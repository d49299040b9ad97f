"""The page as a browser has it, and what Ann and Bob say, by eSpeak."""

from pathlib import Path

import pytest
import soundfile
import soxr

from contravox.demo.espeak import ESPEAK_SAMPLE_RATE, Prompt, speak
from contravox.inference.verifier import Verifier
from docs_scripts import docs_script
from serving import served

VOICES = {"Ann": ("en-us+f3", 70), "Bob": ("en-us+croak", 15)}
SENTENCES = (
    "The boat left the harbour before the sun came up.",
    "Nobody knew why the old clock had stopped at noon.",
    "She put three apples and some bread into the basket.",
    "We walked along the river until it began to rain.",
)


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A folder with the page in it."""
    script = docs_script("in_browser")
    if not script.is_fetched():
        pytest.skip("ONNX Runtime for browsers is not there: `make docs` fetches it by npm")
    folder = tmp_path_factory.mktemp("site")
    for name, content in script.contents():
        place = folder / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)
    return folder


@pytest.fixture(scope="session")
def server(site):
    with served(site) as served_site:
        yield served_site


@pytest.fixture
def page(page, server, monkeypatch):
    """The page, for which a busy machine takes long to load and run the model."""
    monkeypatch.setattr(page, "patience", 120.0)
    page.base = server.base
    page.driver.set_script_timeout(120)
    return page


@pytest.fixture
def opened(page, server):
    """The page, with the model in it and nobody enrolled."""
    page.open(server.base)
    yield page
    page.driver.execute_script("sessionStorage.clear()")


@pytest.fixture
def modules(page, server):
    """The page, of which single modules are tried, with the model in it."""
    if not page.driver.current_url.startswith(server.base):
        page.open(server.base)
    return page


@pytest.fixture(scope="session")
def said(tmp_path_factory):
    """WAV files at 16 kHz of what Ann and Bob say, by eSpeak."""
    folder = tmp_path_factory.mktemp("said")
    files = {}
    for name, (voice, pitch) in VOICES.items():
        spoken = speak(voice, [Prompt(text, pitch, 50, 160) for text in SENTENCES])
        files[name] = [folder / f"{name} {number}.wav" for number in range(len(SENTENCES))]
        for path, samples in zip(files[name], spoken, strict=True):
            waveform = soxr.resample(samples / 32768, ESPEAK_SAMPLE_RATE, 16_000)
            soundfile.write(path, waveform, 16_000, subtype="PCM_16")
    return files


@pytest.fixture(scope="session")
def verifier():
    return Verifier.load()

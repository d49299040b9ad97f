"""Small corpora of generated audio, the folder of real speech, and a browser."""

import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
import soundfile

from contravox.cli import main
from contravox.corpora.preparation import prepare_corpus
from profiles import PROFILES
from tones import spoken

HOLD = """
import os, sys
from pathlib import Path
from contravox.files.lock import locked
with locked(Path(sys.argv[1])):
    # A process forked from it, such as one that reads audio, outlives it and holds nothing.
    if os.fork():
        print(os.getpid(), flush=True)
    sys.stdin.read()
"""

# The same examples every time: what is found by chance is found by a longer run, and made a test.
# A busy machine is no failure.
for profile, count in PROFILES.items():
    hypothesis.settings.register_profile(
        profile,
        max_examples=count,
        deadline=None,
        derandomize=profile == "contravox",
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
hypothesis.settings.load_profile("contravox")


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(request, monkeypatch):
    """Files of tests need not outlast a loss of power; those of writing say what is asked for."""
    if request.path.name != "test_writing.py":
        monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def hold():
    """Let another process hold a place."""
    started = []

    def start(path):
        command = [sys.executable, "-c", HOLD, str(path)]
        process = subprocess.Popen(command, stdin=-1, stdout=-1, text=True)
        started.append(process)
        assert process.stdout.readline().strip() == str(process.pid)
        return process

    yield start
    for process in started:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


@pytest.fixture(scope="session")
def tone_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 speakers × 5 utterances of 0.9 to 1.3 s in two sessions.

    Each speaker has a pitch, and is taken for somebody who speaks.
    """
    folder = tmp_path_factory.mktemp("corpora") / "tones"
    for speaker in range(12):
        for utterance in range(5):
            seed = 10 * speaker + utterance
            path = folder / f"s{speaker:02}" / f"session{utterance % 2}" / f"u{utterance}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            seconds = 0.9 + 0.1 * utterance
            soundfile.write(path, spoken(seconds, 90 + 15 * speaker, seed=seed), 16_000)
    return folder


@pytest.fixture(scope="session")
def speech() -> Path:
    """The folder of real speech that CONTRAVOX_SPEECH names."""
    folder = os.environ.get("CONTRAVOX_SPEECH")
    if not folder:
        pytest.skip("CONTRAVOX_SPEECH names no folder of real speech")
    return Path(folder)


@pytest.fixture(scope="session")
def browser_page(tmp_path_factory):
    """Chromium, whose microphone hears what it is told."""
    # Not everybody who tests has Selenium.
    from browsing import Page, start_browser

    voice = tmp_path_factory.mktemp("microphone") / "voice.wav"
    soundfile.write(voice, spoken(2.5, 90.0), 16_000)
    driver = start_browser(voice)
    yield Page(driver, voice)
    driver.quit()


@pytest.fixture
def page(browser_page):
    """The page; whatever a test does, it asks no other host and breaks no rule of its own."""
    list(browser_page.requests())
    browser_page.driver.get_log("browser")
    yield browser_page
    own = browser_page.base.removeprefix("http")
    asked = [each for each in browser_page.requests() if not each.startswith(("blob:", "data:"))]
    assert not [
        each for each in asked if not each.removeprefix("ws").removeprefix("http").startswith(own)
    ]
    # What the service refused stands there too, from "network".
    faults = [
        each for each in browser_page.driver.get_log("browser") if each["source"] != "network"
    ]
    assert faults == []


@pytest.fixture(scope="module")
def corpus(tone_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tones prepared: parts of 8, 2 and 2 speakers, with trials."""
    folder = tmp_path_factory.mktemp("prepared") / "corpus"
    prepare_corpus("folder", tone_corpus, folder, split=True)
    return folder


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command in this process; give its status, output and error stream.

    Importing PyTorch anew would take seconds.
    """

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["contravox", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return command


@pytest.fixture
def trained(monkeypatch):
    """The folders of the trainings that are begun."""
    from contravox.training.trainer import Trainer

    folders = []
    fit = Trainer.fit

    def noted(trainer, **keywords):
        folders.append(str(trainer.folder))
        return fit(trainer, **keywords)

    monkeypatch.setattr(Trainer, "fit", noted)
    return folders

"""Every command and every line of Python of the page on galleries, run as written."""

import re
import shlex
from pathlib import Path

import pytest
import soundfile

from contravox.gallery.names import LONGEST
from contravox.gallery.outliers import LEAST_RATIO
from contravox.inference.verifier import Verifier
from voices import pitch_verifier, said_by

PAGE = (Path(__file__).parents[2] / "docs" / "gallery.md").read_text(encoding="utf-8")


@pytest.fixture
def voices(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Verifier, "load", lambda path: pitch_verifier(threshold=0.5))
    for name in ("Ann", "Bob"):
        (tmp_path / "voices" / name).mkdir(parents=True)
        for number in (1, 2):
            soundfile.write(f"voices/{name}/{number}.wav", *said_by(name, number))
    soundfile.write("who.wav", *said_by("Ann", 9))


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_commands(voices, run):
    commands = [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]
    assert len(commands) == 11
    for _, *arguments in commands:
        status, out, err = run(*arguments)
        assert (status, err) == (0, "")
        assert out


def test_python(voices, capsys):
    [python] = blocks("python")
    exec(python, {})
    claim, found = capsys.readouterr().out.splitlines()
    assert claim.startswith("True 0.")
    assert found == "Ann None ['Ann']"


def test_what_the_page_says_of_bounds():
    assert f"at most {LONGEST} bytes" in PAGE
    assert f"is below −{-LEAST_RATIO:g}" in PAGE

"""Every command and every line of Python of the tutorials and the first page, run as written.

Trainings are cut short, and voices are generated.
"""

import re
import shlex
import shutil
from pathlib import Path

import onnx
import pytest
import soundfile

from contravox.inference.verifier import Verifier
from foreign_networks import mean_of_frames
from trees import voxceleb1
from voices import pitch_verifier, said_by

ROOT = Path(__file__).parents[2]
DOCS, README = ROOT / "docs", (ROOT / "README.md").read_text(encoding="utf-8")
SHORT = [
    *("training.epochs=1", "data.segment_seconds=0.4", "data.workers=0"),
    *("encoder.blocks=1", "encoder.size=16", "encoder.feed_forward=16"),
]


def blocks(page, language):
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(page):
    return [shlex.split(line) for block in blocks(page, "sh") for line in block.splitlines()]


@pytest.fixture
def pitches(tmp_path, monkeypatch):
    """Recordings of people, and a model that knows them by their pitch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Verifier, "load", lambda path=None: pitch_verifier(threshold=0.5))
    for number in (1, 2):
        soundfile.write(f"ann_{number}.wav", *said_by("Ann", number))
        for name in ("Ann", "Bob"):
            (tmp_path / "voices" / name).mkdir(parents=True, exist_ok=True)
            soundfile.write(f"voices/{name}/{number}.wav", *said_by(name, number))
    soundfile.write("bob.wav", *said_by("Bob", 3))
    soundfile.write("who.wav", *said_by("Ann", 9))


@pytest.fixture
def speakers(tone_corpus, tmp_path, monkeypatch):
    """``my_speakers``: twelve folders, among them ann's and bob's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for number, folder in enumerate(sorted(tone_corpus.iterdir())):
        name = {0: "ann", 1: "bob"}.get(number, folder.name)
        copy = tmp_path / "my_speakers" / name
        copy.mkdir(parents=True)
        for count, path in enumerate(sorted(folder.rglob("*.wav")), start=1):
            (copy / f"{count}.wav").symlink_to(path)


def must(run, arguments, **statuses):
    status, _, said = run(*arguments)
    assert status in statuses.get("accepted", {0}), said


def test_verify(pitches, run, capsys):
    same, *different = commands("tutorials/verify.md")
    for line, expected in ((same, 0), *((line, 2) for line in different[:1])):
        status, _, said = run(*line[1:])
        assert status == expected, said
    assert "nothing is calibrated" in said
    assert run(*different[1][1:])[0] == 1
    [python] = blocks("tutorials/verify.md", "python")
    exec(python, {})
    assert capsys.readouterr().out.startswith("True 0.")


def test_enrol_and_serve(pitches, run, monkeypatch):
    served = []
    monkeypatch.setattr(
        "contravox.service.server.serve", lambda service, host, port: served.append((host, port))
    )
    for line in commands("tutorials/enrol_and_serve.md"):
        must(run, line[1:])
    [(host, port)] = served
    assert f"<http://{host}:{port}/>" in (DOCS / "tutorials/enrol_and_serve.md").read_text()


def test_your_voices(speakers, run):
    """But for what the README has too, whose test runs it, and no later command needs."""
    for _, verb, *arguments in commands("tutorials/your_voices.md"):
        line = shlex.join(["contravox", verb, *arguments])
        if verb in ("evaluate", "compare") or "small/adapt" in arguments:
            assert f"\n{line}\n" in README
            continue
        short = [*SHORT, "sampler.speakers=8"] if verb == "train" else []
        must(run, (verb, *arguments, *short), accepted={0, 1} if verb == "verify" else {0})


def test_voxceleb(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    voxceleb1(tmp_path / "VoxCeleb1")
    for _, verb, *arguments in commands("tutorials/voxceleb.md"):
        arguments = [each.replace("/data/", f"{tmp_path}/") for each in arguments]
        short = [*SHORT, "sampler.utterances=4"] if verb == "train" else []
        must(run, (verb, *arguments, *short))


def test_your_model(speakers, run):
    onnx.save(mean_of_frames(), "theirs.onnx")
    for folder in sorted(Path("my_speakers").iterdir())[6:]:
        shutil.rmtree(folder)
    for _, verb, *arguments in commands("tutorials/your_model.md"):
        if verb == "evaluate":
            # Of others, who are here the same: a model refuses those that it was calibrated on.
            shutil.copytree("trials", "others")
            arguments += ["--allow-overlap"]
        must(run, (verb, *arguments), accepted={0, 1} if verb == "verify" else {0})


def test_the_first_page(pitches, run):
    pip, doctor, verify, demo = commands("index.md")
    assert pip == ["pip", "install", "."]
    must(run, doctor[1:])
    must(run, verify[1:], accepted={1})
    must(run, (*demo[1:], "--help"))
    [completion] = re.findall(r"`(eval .*?)`", (DOCS / "index.md").read_text(encoding="utf-8"))
    assert completion == 'eval "$(contravox --show-completion bash)"'

"""Every command and every line of Python in the README, run as written, cut short."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from contravox.cli import main
from trees import voxceleb1

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHORT = [
    *("training.epochs=1", "data.segment_seconds=0.4", "data.workers=0", "sampler.speakers=8"),
    *("encoder.blocks=1", "encoder.size=16", "encoder.feed_forward=16"),
]


def blocks(language):
    """The README's code blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def speakers(tone_corpus, tmp_path, monkeypatch):
    """``my_speakers`` as the README has it."""
    monkeypatch.chdir(tmp_path)
    for number, folder in enumerate(sorted(tone_corpus.iterdir())):
        name = {0: "ann", 1: "bob"}.get(number, folder.name)
        for count, path in enumerate(sorted(folder.rglob("*.wav")), start=1):
            copy = tmp_path / "my_speakers" / name / f"{count}.wav"
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.symlink_to(path)
    (tmp_path / "a.wav").symlink_to(tmp_path / "my_speakers" / "ann" / "1.wav")
    (tmp_path / "b.wav").symlink_to(tmp_path / "my_speakers" / "bob" / "1.wav")


def run(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["contravox", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    # `verify` says by 1 that the speakers differ.
    accepted = (None, 0, 1) if arguments[0] == "verify" else (None, 0)
    assert ended.value.code in accepted, capsys.readouterr().err


def test_commands_and_python(speakers, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    voxceleb1(tmp_path / "VoxCeleb1")
    commands = [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]
    verbs = [command for command in commands if command[0] == "contravox"]
    assert {verb for _, verb, *_ in verbs} >= {"prepare", "train", "evaluate", "compare", "verify"}
    for _, verb, *arguments in verbs:
        arguments = [each.replace("/data/", f"{tmp_path}/") for each in arguments]
        short = SHORT if verb == "train" else []
        if "small/aamsupcon" in arguments:
            short = [*SHORT[:4], "encoder.channels=16"]
        if "small/adapt" in arguments:
            short = SHORT[:4]
        if "mfcon_voxceleb1" in arguments:
            short = [*SHORT[:3], *SHORT[4:], "sampler.utterances=4"]
        run([verb, *arguments, *short], monkeypatch, capsys)
    [python] = blocks("python")
    capsys.readouterr()
    exec(python, {})
    first, second = capsys.readouterr().out.splitlines()
    same, score, threshold = first.split()
    assert same == str(float(score) >= float(threshold))
    assert second == "(1, 128) 10"


def test_several_processes(speakers, tmp_path, monkeypatch, capsys):
    run(["prepare", "folder", "my_speakers", "-o", "corpus", "--split"], monkeypatch, capsys)
    commands = [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]
    [torchrun] = [command for command in commands if command[0] == "torchrun"]
    command = [sys.executable, "-m", "torch.distributed.run", *torchrun[1:], *SHORT]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    # One process reports, not each.
    assert ended.stdout.count("model.safetensors") == 1
    assert (tmp_path / "runs" / "shared" / "model.safetensors").exists()


def test_make_knows_its_commands():
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    makes = [shlex.split(line) for line in commands if line.startswith("make ")]
    assert makes == [["make", "demo"], ["make", "test"]]
    for command in makes:
        subprocess.run([*command, "--dry-run"], cwd=ROOT, check=True, capture_output=True)

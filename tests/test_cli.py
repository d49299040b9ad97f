"""Every verb as a user types it, with good input and bad."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from tones import tone

COMMAND = [sys.executable, "-m", "contravox"]
TINY = [
    "data.segment_seconds=0.4",
    "data.workers=0",
    "sampler={name: speakers_utterances, speakers: 4, utterances: 2}",
    "encoder={name: ecapa_tdnn, channels: 16, aggregation: 24, bottleneck: 8, embedding_size: 8}",
    "features.bins=20",
]


def contravox(*arguments, cwd=None):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300
    )


def fails(*arguments, status=2, cwd=None):
    """Run a command that must fail; give its one line on the error stream."""
    done = contravox(*arguments, cwd=cwd)
    assert done.returncode == status, done
    assert "Traceback" not in done.stderr
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    return line


@pytest.fixture(scope="module")
def work(tone_corpus, tmp_path_factory):
    """A folder with a prepared corpus and a trained model."""
    folder = tmp_path_factory.mktemp("work")
    done = contravox("prepare", "folder", tone_corpus, "-o", "corpus", "--split", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "train: 8 speakers, 40 utterances" in done.stdout
    done = contravox(
        *("train", "small/aamsupcon", *TINY, "training.epochs=2", "-o", "run", "--json"), cwd=folder
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["model"] == "run/model.safetensors"
    assert 0 <= result["validation_equal_error_rate"] <= 1
    return folder


def test_help_fits_a_screen():
    done = contravox("--help")
    lines = done.stdout.splitlines()
    assert len(lines) < 24
    for verb in ("demo", "prepare", "train", "embed", "evaluate", "verify"):
        assert any(line.strip().startswith(verb) for line in lines)


def test_embed(work):
    done = contravox(
        *("embed", "run/model.safetensors", "corpus/test/manifest.tsv", "-o", "e.npz", "--json"),
        cwd=work,
    )
    assert json.loads(done.stdout) == {"output": "e.npz", "utterances": 10, "size": 8}
    assert (work / "e.npz").exists()


def test_evaluate(work):
    arguments = ("evaluate", "run/model.safetensors", "corpus/test/trials.tsv")
    done = contravox(*arguments, "-o", "report", "--json", cwd=work)
    metrics = json.loads(done.stdout)
    assert metrics == json.loads((work / "report" / "metrics.json").read_text())
    low, high = metrics["equal_error_rate_interval"]
    assert 0 <= low <= metrics["equal_error_rate"] <= high <= 1
    assert metrics["protocol"]["targets"] == 12
    assert len((work / "report" / "scores.tsv").read_text().splitlines()) == 1 + 12 + 25
    assert "<html" in (work / "report" / "report.html").read_text()
    table = contravox(*arguments, cwd=work).stdout
    assert f"{100 * metrics['equal_error_rate']:.2f}" in table


def test_verify(work, tone_corpus):
    first, second = sorted(tone_corpus.rglob("*.wav"))[:2]
    arguments = ("verify", "run/model.safetensors", first, second)
    result = json.loads(contravox(*arguments, "--json", cwd=work).stdout)
    assert result["same_speaker"] == (result["score"] >= result["threshold"])
    assert f"score {result['score']:.3f}" in contravox(*arguments, cwd=work).stdout
    higher = contravox(*arguments, "--threshold", "1.01", cwd=work).stdout
    assert higher.startswith("different speakers")


def test_corpora_that_are_too_small(tmp_path):
    path = tmp_path / "one" / "ann" / "1.wav"
    path.parent.mkdir(parents=True)
    soundfile.write(path, tone(0.5, 150), 16_000)
    soundfile.write(path.with_name("2.wav"), tone(0.5, 150), 16_000)
    line = fails("prepare", "folder", tmp_path / "one", "-o", tmp_path / "out")
    assert "only one speaker" in line
    line = fails("prepare", "folder", tmp_path / "one", "-o", tmp_path / "out", "--split")
    assert "1 speakers are too few" in line
    assert not (tmp_path / "out").exists()


def test_a_speaker_with_one_utterance_is_trained_on_but_is_no_target(tone_corpus, tmp_path):
    for path in sorted(tone_corpus.rglob("*.wav")):
        copy = tmp_path / "corpus" / path.relative_to(tone_corpus)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if "s00" not in path.parts or path.stem == "u0":
            copy.symlink_to(path)
    done = contravox("prepare", "folder", "corpus", "-o", "out", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["corpus"]["utterances"] == 56
    trials = (tmp_path / "out" / "trials.tsv").read_text().splitlines()
    assert not [line for line in trials if line.count("s00/") == 2]
    done = contravox(
        *("train", "small/aamsupcon", *TINY, "sampler.speakers=12", "training.epochs=1"),
        *("data.manifest=out/manifest.tsv", "data.validation_trials=null", "-o", "run"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("training.epoch=3", "did you mean epochs?"),
        ("training.epochs=many", "training.epochs: 'many'"),
        ("objectives.classification=null", "objectives.classification"),
        ("sampler.speakers=99", "sampler.speakers is 99"),
        ("objectives={contrast: {name: supcon, attention: {}}}", "attention needs a classifier"),
        ("data.manifest=none.tsv", "none.tsv: no such manifest"),
    ],
)
def test_recipes_with_mistakes(work, change, reason):
    line = fails("train", "small/aamsupcon", *TINY, change, "-o", "mistaken", cwd=work)
    assert reason in line
    assert not (work / "mistaken").exists()


def test_trials_that_name_an_unknown_utterance(work):
    (work / "corpus" / "test" / "other.tsv").write_text("1 nobody/1.wav somebody/2.wav\n")
    line = fails("evaluate", "run/model.safetensors", "corpus/test/other.tsv", cwd=work)
    assert "2 of 2 utterances are not in the manifest" in line


def test_models_and_recordings_that_cannot_be_read(work, tone_corpus, tmp_path):
    wav = next(tone_corpus.rglob("*.wav"))
    half = tmp_path / "half.safetensors"
    whole = (work / "run" / "model.safetensors").read_bytes()
    half.write_bytes(whole[: len(whole) // 2])
    assert "not a whole model file" in fails("verify", half, wav, wav)
    text = tmp_path / "text.wav"
    text.write_text("hello")
    model = work / "run" / "model.safetensors"
    assert "text.wav: cannot be read as audio" in fails("verify", model, wav, text)
    assert "none.wav: no such file" in fails("verify", model, wav, tmp_path / "none.wav")


def test_an_output_that_cannot_be_written(work):
    (work / "file").write_text("in the way")
    line = fails(
        "embed", "run/model.safetensors", "corpus/test/manifest.tsv", "-o", "file/e.npz", cwd=work
    )
    assert "cannot be written" in line
    line = fails("train", "small/aamsupcon", *TINY, "-o", "file/run", cwd=work)
    assert "cannot be written" in line


def test_training_interrupted_and_resumed(work):
    command = ["train", "small/aamsupcon", *TINY, "training.epochs=200", "-o", "cut"]
    process = subprocess.Popen(
        [*COMMAND, *command], cwd=work, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    log = work / "cut" / "log.jsonl"
    deadline = time.monotonic() + 120
    while not (log.exists() and log.read_text().count("\n") > 5):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "go on with --resume" in errors
    assert "Traceback" not in errors
    assert "--resume" in fails(*command, cwd=work)
    steps = log.read_text().count("losses")
    done = contravox(*command, "--resume", "--json", cwd=work)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"] == log.read_text().count("losses") > steps


@pytest.mark.parametrize("verb", ["prepare", "embed", "evaluate", "verify"])
def test_other_verbs_interrupted_leave_nothing_half_written(work, tone_corpus, tmp_path, verb):
    wav = next(tone_corpus.rglob("*.wav"))
    model = work / "run" / "model.safetensors"
    test = work / "corpus" / "test"
    arguments = {
        "prepare": ["folder", tone_corpus, "-o", tmp_path / "out"],
        "embed": [model, test / "manifest.tsv", "-o", tmp_path / "out" / "e.npz"],
        "evaluate": [model, test / "trials.tsv", "-o", tmp_path / "out"],
        "verify": [model, wav, wav],
    }[verb]
    # The signal meets the command while it imports, reads or computes.
    process = subprocess.Popen(
        [*COMMAND, verb, *map(str, arguments)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert not [path for path in Path(tmp_path).rglob("*") if path.is_file()]

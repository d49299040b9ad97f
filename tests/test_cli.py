"""Every verb as a user types it, with good input and bad."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import kaldiio
import numpy as np
import polars as pl
import pytest
import soundfile

from contravox.embeddings import Embeddings
from contravox.model import Model
from tones import tone

COMMAND = [sys.executable, "-m", "contravox"]
TINY = [
    "data.segment_seconds=0.4",
    "data.workers=0",
    "sampler={name: speakers_utterances, speakers: 4, utterances: 2}",
    "encoder={name: ecapa_tdnn, channels: 16, aggregation: 24, bottleneck: 8, embedding_size: 8}",
    "features.bins=20",
]


class Done(NamedTuple):
    """How a command ended."""

    status: int
    stdout: str
    stderr: str


@pytest.fixture
def contravox(work, run, monkeypatch):
    """Run a command in the folder ``work``."""

    def contravox(*arguments):
        monkeypatch.chdir(work)
        return Done(*run(*arguments))

    return contravox


@pytest.fixture
def fails(contravox):
    """Run a command that must fail; give its one line on the error stream."""

    def run(*arguments):
        done = contravox(*arguments)
        assert done.status == 2
        [line] = done.stderr.strip().splitlines()
        assert line.startswith("error: ")
        assert "Traceback" not in line
        return line

    return run


@pytest.fixture(scope="module")
def work(tone_corpus, tmp_path_factory):
    """A folder with a prepared corpus and a trained model."""
    folder = tmp_path_factory.mktemp("work")

    def run(*arguments):
        return subprocess.run(
            [*COMMAND, *map(str, arguments)], cwd=folder, capture_output=True, text=True, check=True
        ).stdout

    assert "train: 8 speakers, 40 utterances" in run(
        "prepare", "folder", tone_corpus, "-o", "corpus", "--split"
    )
    trained = run("train", "small/aamsupcon", *TINY, "training.epochs=2", "-o", "run", "--json")
    result = json.loads(trained)
    assert result["model"] == "run/model.safetensors"
    assert 0 <= result["validation_equal_error_rate"] <= 1
    return folder


@pytest.fixture
def no_cache(monkeypatch, tmp_path):
    """Keeps embeddings out of the user's own cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def failing(monkeypatch, error):
    """Let `verify` fail of an error that nobody foresaw."""

    def fail(*arguments, **keywords):
        raise error

    monkeypatch.setattr("contravox.inference.verifier.Verifier.load", fail)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "error: out of memory"),
        (RuntimeError("[enforce fail] can't allocate memory: 9e12 bytes"), "error: out of memory"),
        (RecursionError("maximum recursion depth exceeded"), "error: RecursionError: maximum"),
        (OverflowError("int too large\nto convert"), "error: OverflowError: int too large: "),
        ("é".encode, "error: UnicodeEncodeError: "),
        (ZeroDivisionError(), "error: ZeroDivisionError: "),
        (type("PanicException", (BaseException,), {})("of Rust"), "error: PanicException: of Rust"),
        (OSError(28, "No space left on device", "a/b"), "error: a/b: no space left on device"),
        (ModuleNotFoundError("", name="numpy"), "error: numpy is not installed: pip install"),
        (ModuleNotFoundError("", name="torch.nn"), "error: verify needs torch, which is not inst"),
    ],
)
def test_whatever_goes_wrong_is_one_line(contravox, monkeypatch, error, said):
    if callable(error):
        try:
            error("ascii")
        except UnicodeEncodeError as raised:
            error = raised
    failing(monkeypatch, error)
    done = contravox("verify", "m", "a.wav", "b.wav")
    assert done.status == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(said)


@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_traceback_is_shown_where_it_is_asked_for(contravox, monkeypatch, by):
    failing(monkeypatch, OverflowError("too large"))
    if by == "variable":
        monkeypatch.setenv("CONTRAVOX_DEBUG", "1")
    options = ["--debug"] if by == "option" else []
    done = contravox("verify", "m", "a.wav", "b.wav", *options)
    assert done.status == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: OverflowError: too large")


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify",),
        ("verify", "m", "a", "b", "--nope"),
        ("verify", "m", "a", "b", "--threshold"),
        ("verify", "m", "a", "b", "--threshold", "x"),
        ("verify", "m", "a", "b", "c\x1b[31m"),
        ("vrify",),
        ("--nope",),
        ("prepare", "nothing", "x", "-o", "y"),
        ("evaluate", "m", "t", "--crops", "0"),
    ],
)
def test_a_mistaken_command_line_is_one_line(fails, arguments):
    line = fails(*arguments)
    assert "--help" in line
    assert "\x1b" not in line


def test_version(contravox):
    assert contravox("--version").stdout == f"contravox {version('contravox')}\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_verb_is_one_line(contravox, monkeypatch, number):
    monkeypatch.setattr(
        "contravox.inference.verifier.Verifier.load", lambda *_: os.kill(os.getpid(), number)
    )
    done = contravox("verify", "m", "a.wav", "b.wav")
    assert (done.status, done.stderr) == (128 + number, "stopped\n")


def test_a_pair_is_compared_by_the_model_that_is_named(contravox, fails, work, tone_corpus):
    pair = [str(path) for path in sorted(tone_corpus.rglob("*.wav"))[:2]]
    model = "run/model.safetensors"
    expected = json.loads(contravox("verify", model, *pair, "--json").stdout)
    named = json.loads(contravox("verify", "--model", model, *pair, "--json").stdout)
    assert named == expected
    assert "none.onnx" in fails("verify", "--model", "none.onnx", *pair)
    assert "give one" in fails("verify", "--model", model, model, *pair)
    assert "--as" in fails("verify", "--gallery", "g.sqlite", *pair)
    assert "give one" in fails("verify", *pair, "--threshold", "0.1", "--prior", "0.2")


def test_a_model_in_the_environment_gives_way_to_one_that_is_named(
    contravox, tone_corpus, monkeypatch
):
    pair = [str(path) for path in sorted(tone_corpus.rglob("*.wav"))[:2]]
    monkeypatch.setenv("CONTRAVOX_MODEL", "run/model.safetensors")
    monkeypatch.setenv("CONTRAVOX_GALLERY", "g.sqlite")
    told = json.loads(contravox("verify", *pair, "--json").stdout)
    assert told["model"] == "run/model.safetensors"
    told = json.loads(contravox("verify", "default", *pair, "--json").stdout)
    assert told["model"] == "default"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--quality", "duration"), "give both"),
        (("--crop-seconds", "1"), "give it too"),
        (("--crops-and-whole",), "give it too"),
        (("--top", "9"), "give --normalise as1 too"),
        (("--corpora", "nowhere"), "give both"),
        (("--training", "corpus/train/manifest.tsv"), "give one of these too"),
    ],
)
def test_what_would_change_nothing_is_refused(fails, options, reason):
    assert reason in fails("evaluate", "run/model.safetensors", "corpus/test", *options)


@pytest.mark.parametrize(
    ("redirection", "status"), [("| true", "0"), ("> /dev/full", "2"), (">&-", "0"), ("<&-", "0")]
)
def test_an_output_that_nobody_reads(work, tone_corpus, redirection, status):
    first, second = sorted(tone_corpus.rglob("*.wav"))[:2]
    verify = f"{shlex.join(COMMAND)} verify run/model.safetensors {first} {second} --threshold -1.1"
    script = f"{verify} {redirection}; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=work, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == status
    errors = [line for line in done.stderr.splitlines() if "warning: " not in line]
    assert len(errors) == (1 if status == "2" else 0), done.stderr


def test_variables_that_libraries_stumble_over(work, no_cache):
    bad = {
        "RANK": "y",
        "WORLD_SIZE": "z",
        "MPLBACKEND": "x",
        "COLUMNS": "abc",
        "OMP_NUM_THREADS": "x",
        "TMPDIR": "/none",
        "LANG": "C",
        "PYTHONIOENCODING": "ascii",
        "SLURM_NTASKS": "q",
        "LOCAL_RANK": "z",
    }
    environment = {**os.environ, **bad}
    environment.pop("HOME", None)
    command = ["train", "run/recipe.yaml", "training.epochs=1", "-o", "variables"]
    evaluate = ["evaluate", "variables/model.safetensors", "corpus/test", "-o", "variables/test"]
    for arguments in (command, evaluate):
        done = subprocess.run(
            [*COMMAND, *arguments], cwd=work, capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
        # On a busy machine it is told how far the work is.
        told = re.compile(r"(\w+: \d+/\d+, )|.*warning: ")
        assert not [line for line in done.stderr.splitlines() if not told.match(line)]


COMPLETE = """
eval "$({contravox} --show-completion bash)"
asked() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _contravox_completion "{contravox}"; }}
asked contravox ca; echo "${{COMPREPLY[@]}}"
asked contravox train --resu; echo "${{COMPREPLY[@]}}"
"""


def test_a_shell_completes_verbs_and_options():
    command = Path(sys.executable).with_name("contravox")
    script = COMPLETE.format(contravox=command)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("calibrate\n--resume\n", "")


def test_help_fits_a_screen(contravox):
    done = contravox("--help")
    lines = done.stdout.splitlines()
    assert len(lines) <= 36
    for verb in ("demo", "prepare", "train", "embed", "evaluate", "verify"):
        assert any(line.strip().startswith(verb) for line in lines)


def test_embed(contravox, work):
    done = contravox(
        *("embed", "run/model.safetensors", "corpus/test/manifest.tsv", "-o", "e.npz", "--json"),
    )
    told = {"model": "run/model.safetensors", "utterances": 10, "size": 8}
    assert json.loads(done.stdout) == {"output": "e.npz", **told}
    assert (work / "e.npz").exists()


def test_evaluate(contravox, work, no_cache):
    arguments = ("evaluate", "run/model.safetensors", "corpus/test/trials.tsv")
    done = contravox(*arguments, "-o", "report", "--json")
    metrics = json.loads(done.stdout)
    assert metrics == json.loads((work / "report" / "metrics.json").read_text())
    low, high = metrics["equal_error_rate_interval"]
    assert 0 <= low <= metrics["equal_error_rate"] + 1e-9 <= high + 2e-9 <= 1
    assert metrics["protocol"]["targets"] == 12
    assert len((work / "report" / "scores.tsv").read_text().splitlines()) == 1 + 12 + 25
    assert "<html" in (work / "report" / "report.html").read_text()
    table = contravox(*arguments).stdout
    assert f"{100 * metrics['equal_error_rate']:.2f}" in table


def test_scores_of_embeddings_are_those_of_their_model(contravox, work, no_cache):
    of_model = contravox(
        *("evaluate", "run/model.safetensors", "corpus/test", "-o", "whole", "--json"),
        *("--training", "corpus/train/manifest.tsv", "--normalise", "as1", "--top", "4"),
        *("--whiten", "mean", "--calibrate-on", "corpus/validation"),
    )
    assert of_model.status == 0, of_model.stderr
    for part in ("train", "validation", "test"):
        contravox(
            "embed", "run/model.safetensors", f"corpus/{part}/manifest.tsv", "-o", f"{part}.npz"
        )
    of_embeddings = contravox(
        *("score", "corpus/test", "test.npz", "validation.npz", "-o", "scored", "--json"),
        *("--training", "train.npz", "--training-manifest", "corpus/train/manifest.tsv"),
        *("--normalise", "as1", "--top", "4", "--whiten", "mean"),
        *("--calibrate-on", "corpus/validation"),
    )
    assert of_embeddings.status == 0, of_embeddings.stderr
    one, other = json.loads(of_model.stdout), json.loads(of_embeddings.stdout)
    for key in ("equal_error_rate", "equal_error_rate_interval", "log_likelihood_ratio_cost"):
        assert one[key] == pytest.approx(other[key], abs=1e-4)
    assert one["protocol"]["normalisation"] == "AS-norm1, top 4 of 8 means of speakers"
    header = (work / "scored" / "scores.tsv").read_text().splitlines()[0]
    assert header == "enrolment\ttest\ttarget\tscore\tlog_likelihood_ratio"


def test_a_list_without_a_manifest_has_no_intervals(contravox, work, tmp_path):
    contravox("embed", "run/model.safetensors", "corpus/test/manifest.tsv", "-o", "e.npz")
    trials = shutil.copy(work / "corpus" / "test" / "trials.tsv", tmp_path / "trials.tsv")
    metrics = json.loads(contravox("score", trials, "e.npz", "--json").stdout)
    assert metrics["equal_error_rate_interval"] is None
    assert metrics["protocol"]["intervals"].startswith("none")
    known = json.loads(contravox("score", "corpus/test", "e.npz", "--json").stdout)
    assert metrics["equal_error_rate"] == known["equal_error_rate"]
    assert known["equal_error_rate_interval"] is not None


def test_a_calibrated_model_verifies_by_prior_and_costs(contravox, work, tone_corpus, no_cache):
    done = contravox(
        *("calibrate", "run/model.safetensors", "corpus/validation", "--quality", "duration"),
        *("-o", "calibrated.safetensors"),
    )
    assert "log-likelihood ratio = " in done.stdout
    first, second = sorted(tone_corpus.rglob("*.wav"))[:2]
    arguments = ("verify", "calibrated.safetensors", first, second)
    even = json.loads(contravox(*arguments, "--json").stdout)
    rare = json.loads(contravox(*arguments, "--json", "--prior", "0.001").stdout)
    assert rare["probability"] < even["probability"]
    assert even["same_speaker"] == (even["log_likelihood_ratio"] >= 0)
    assert "at a prior of 0.5" in contravox(*arguments).stdout


def test_a_model_calibrated_on_augmented_copies_says_so(
    contravox, fails, work, tone_corpus, no_cache
):
    def calibrate(copies):
        arguments = ("corpus/validation", "--quality", "duration", "--augmented", copies)
        return ("calibrate", "run/model.safetensors", *arguments, "-o", "copies.safetensors")

    assert contravox(*calibrate(2)).status == 0
    # The same command may write it again, another may not.
    assert contravox(*calibrate(2)).status == 0
    assert "copies.safetensors" in fails(*calibrate(3))
    assert "less than or equal to 100" in fails(*calibrate(101))
    first, second = sorted(tone_corpus.rglob("*.wav"))[:2]
    said = json.loads(contravox("verify", "copies.safetensors", first, second, "--json").stdout)
    assert said["decided_by"].endswith(", with 2 augmented copies of each recording")


def test_a_model_that_embeds_only_speech_hears_no_silence(
    contravox, tone_corpus, tmp_path, no_cache
):
    calibrate = ("calibrate", "run/model.safetensors", "corpus/validation")
    contravox(*calibrate, "--speech-only", "-o", tmp_path / "speech.safetensors")
    contravox(*calibrate, "-o", tmp_path / "all.safetensors")
    first = min(tone_corpus.rglob("*.wav"))
    voice, silence = soundfile.read(first)[0], np.zeros(80_000)
    soundfile.write(tmp_path / "padded.wav", np.concatenate([silence, voice, silence]), 16_000)

    def result(model):
        done = contravox("verify", tmp_path / model, first, tmp_path / "padded.wav", "--json")
        return json.loads(done.stdout)

    speech, everything = result("speech.safetensors"), result("all.safetensors")
    assert everything["score"] < speech["score"]
    codes = [each["code"] for each in everything["warnings"]]
    assert codes == ["little_speech", "little_speech", "mostly_silence"]
    assert [each["code"] for each in speech["warnings"]] == ["little_speech"] * 2
    model = Model.load(tmp_path / "speech.safetensors")
    assert (model.settings.speech_only, model.settings.threshold) == (True, None)
    assert model.digest != Model.load(tmp_path / "all.safetensors").digest


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("evaluate", "run/model.safetensors", "--protocol", "voxceleb1-o"), "contravox prepare"),
        (("evaluate", "run/model.safetensors", "corpus/test", "--plda"), "--training"),
        (
            ("evaluate", "run/model.safetensors", "corpus/test", "--plda", "--crops", "2"),
            "crops are scored by the plain cosine",
        ),
        (("verify", "run/model.safetensors", "a.wav", "b.wav", "--prior", "2"), "between 0 and 1"),
        (("score", "corpus/test", "none.npz"), "no such file of embeddings"),
    ],
)
def test_scoring_with_mistakes(fails, arguments, reason, no_cache):
    assert reason in fails(*arguments)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--p-target", "0"), "p_target must be between 0 and 1, got 0"),
        (("--p-target", "1"), "p_target must be between 0 and 1, got 1"),
    ],
)
def test_options_that_make_no_sense(contravox, options, reason, no_cache):
    done = contravox("evaluate", "run/model.safetensors", "corpus/test", *options)
    assert done.status == 2
    assert reason in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_verify(contravox, tone_corpus):
    first, second = sorted(tone_corpus.rglob("*.wav"))[:2]
    arguments = ("verify", "run/model.safetensors", first, second)
    done = contravox(*arguments, "--json")
    result = json.loads(done.stdout)
    assert result["same_speaker"] == (result["score"] >= result["threshold"])
    assert result["decided_by"].startswith("the threshold set on ")
    assert [each["code"] for each in result["warnings"]] == ["little_speech"] * 2
    assert result["recordings"][0]["speech_seconds"] == pytest.approx(0.9, abs=0.1)
    plain = contravox(*arguments)
    assert f"score {result['score']:.3f}" in plain.stdout
    [warning, _] = plain.stderr.splitlines()
    assert warning.startswith(f"warning: {first}: only 0.9 s of speech")


def test_verify_says_by_its_status_what_it_found(contravox, tone_corpus, tmp_path):
    first, second = sorted(tone_corpus.rglob("*.wav"))[:2]
    arguments = ("verify", "run/model.safetensors", first, second, "--threshold")
    assert contravox(*arguments, "-1.01").status == 0
    different = contravox(*arguments, "1.01")
    assert different.status == 1
    assert different.stdout.startswith("different speakers")
    model = Model.load("run/model.safetensors")
    model.annotate(threshold=None)
    model.save(tmp_path / "undecided.safetensors")
    undecided = contravox("verify", tmp_path / "undecided.safetensors", first, second, "--json")
    assert undecided.status == 2
    assert json.loads(undecided.stdout)["same_speaker"] is None
    assert "no decision" in undecided.stderr.splitlines()[-1]


def test_verify_refuses_what_holds_no_speech(contravox, fails, tone_corpus, tmp_path):
    first = min(tone_corpus.rglob("*.wav"))
    soundfile.write(tmp_path / "beep.wav", tone(1.0, 400), 16_000)
    arguments = ("verify", "run/model.safetensors", first, tmp_path / "beep.wav")
    assert "beep.wav: no speech found in 1.0 s" in fails(*arguments)
    allowed = contravox(*arguments, "--allow-unfit", "--threshold", "-1.01")
    assert allowed.status == 0
    assert "beep.wav: no speech found" in allowed.stderr
    voice = soundfile.read(first)[0]
    soundfile.write(tmp_path / "opposite.wav", np.stack([voice, -voice], axis=1), 16_000)
    arguments = ("verify", "run/model.safetensors", first, tmp_path / "opposite.wav")
    assert "its channels cancel each other" in fails(*arguments)
    same = contravox(*arguments, "--channel", "left", "--json")
    assert json.loads(same.stdout)["score"] == pytest.approx(1, abs=1e-4)


def test_embed_writes_what_the_name_says(contravox, fails, work, tmp_path):
    arguments = ("embed", "run/model.safetensors", "corpus/test/manifest.tsv", "-o")
    contravox(*arguments, tmp_path / "e.npz")
    own = Embeddings.load(tmp_path / "e.npz")
    contravox(*arguments, tmp_path / "kaldi" / "e.scp")
    archive = dict(kaldiio.load_ark(str(tmp_path / "kaldi" / "e.ark")))
    assert list(archive) == own.utterances
    np.testing.assert_array_equal(np.stack(list(archive.values())), own.vectors)
    contravox(*arguments, tmp_path / "e.parquet")
    table = pl.read_parquet(tmp_path / "e.parquet")
    np.testing.assert_array_equal(table["embedding"].to_numpy(), own.vectors)
    contravox(*arguments, tmp_path / "parts")
    parts = pl.read_parquet(tmp_path / "parts" / "part-*.parquet").sort("utterance")
    np.testing.assert_allclose(parts["embedding"].to_numpy(), own.vectors, atol=1e-4)
    assert parts.drop("embedding").equals(table.drop("embedding"))
    # Again, it replaces its own, and nothing else.
    assert contravox(*arguments, tmp_path / "e.parquet").status == 0
    assert contravox(*arguments, tmp_path / "parts").status == 0
    assert contravox(*arguments, tmp_path / "kaldi" / "e.ark").status == 0
    (tmp_path / "mine.scp").write_text("mine")
    assert "did not write it" in fails(*arguments, tmp_path / "mine.ark")
    assert (tmp_path / "mine.scp").read_text() == "mine"
    assert ".npz, .ark with .scp, .parquet, or a folder" in fails(*arguments, tmp_path / "e.txt")


@pytest.mark.parametrize("ending", ["npz", "parquet", "ark"])
def test_embed_leaves_out_what_cannot_be_read_if_it_is_told_to(
    contravox, fails, work, tmp_path, ending
):
    table = pl.read_csv(work / "corpus/test/manifest.tsv", separator="\t")
    lost = table["utterance"][3]
    path = pl.when(pl.col("utterance") == lost).then(pl.lit("/gone.wav")).otherwise("path")
    table.with_columns(path=path).drop("digest").write_csv(tmp_path / "m.tsv", separator="\t")
    command = ("embed", "run/model.safetensors", tmp_path / "m.tsv", "-o", tmp_path / f"e.{ending}")
    line = fails(*command)
    assert "/gone.wav: no such file" in line
    assert "1 of 10 utterances are such" in line
    assert not (tmp_path / f"e.{ending}").exists()
    done = contravox(*command, "--drop-unreadable", "--json")
    assert done.status == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["utterances"], told["left_out"]) == (9, 1)
    assert "warning: 1 utterances left out, such as /gone.wav" in done.stderr
    if ending == "npz":
        names = Embeddings.load(tmp_path / "e.npz").utterances
        assert set(names) == set(table["utterance"]) - {lost}


def test_embed_by_an_engine_that_cannot(fails, tmp_path):
    arguments = ("embed", "run/model.safetensors", "corpus/test/manifest.tsv", "-o")
    line = fails(*arguments, tmp_path / "e.parquet", "--engine", "ray")
    assert "--engine ray writes many files: give as --output a folder" in line
    assert "'dask' is not one of 'ray'" in fails(*arguments, tmp_path / "e", "--engine", "dask")
    line = fails(*arguments, tmp_path / "e", "--workers", "2")
    assert "--workers are those of --engine ray" in line
    assert not list(tmp_path.iterdir())


def test_measure_scores_that_another_toolkit_wrote(contravox, fails, work, tmp_path, no_cache):
    evaluated = contravox("evaluate", "run/model.safetensors", "corpus/test", "-o", "own", "--json")
    own = json.loads(evaluated.stdout)
    rows = (work / "own" / "scores.tsv").read_text().splitlines()[1:]
    fields = [row.split("\t") for row in rows]
    kaldi, trials = tmp_path / "cosine.txt", tmp_path / "trials"
    kaldi.write_text("".join(f"{e} {t} {s}\n" for e, t, _, s, *_ in reversed(fields)))
    words = {"1": "target", "0": "nontarget"}
    trials.write_text("".join(f"{e} {t} {words[target]}\n" for e, t, target, *_ in fields))
    known = ("equal_error_rate", "equal_error_rate_interval", "detection_costs", "conditions")
    done = contravox("measure", "corpus/test", kaldi, "-o", "measured", "--json")
    measured = json.loads(done.stdout)
    assert {name: measured[name] for name in known} == {name: own[name] for name in known}
    assert {path.name for path in (work / "measured").iterdir() if path.suffix} >= {
        "scores.tsv",
        "metrics.json",
        "report.html",
    }
    # Of the list alone, it is not known who speaks, unless the names tell.
    alone = contravox("measure", trials, kaldi, "--json")
    assert json.loads(alone.stdout)["equal_error_rate_interval"] is None
    assert "no intervals: it is not known who speaks" in alone.stderr
    named = contravox("measure", trials, kaldi, "--speaker-pattern", "^([^/]+)/", "--json")
    assert json.loads(named.stdout)["equal_error_rate_interval"] == own["equal_error_rate_interval"]
    assert named.stderr == ""
    assert "EER" in contravox("measure", trials, kaldi).stdout
    assert json.loads(alone.stdout)["log_likelihood_ratio_cost"] is None
    ratios = json.loads(contravox("measure", trials, kaldi, "--ratios", "--json").stdout)
    assert ratios["log_likelihood_ratio_cost"] > ratios["minimum_log_likelihood_ratio_cost"]
    for options, reason in (
        (("--fields", "score enrolment test"), "is not `score enrolment test`"),
        (("--fields", "who knows"), "are no fields of a score file"),
        (("--speaker-pattern", "^(x+)/"), "finds no speaker in"),
        (("--speaker-pattern", "("), "is not a pattern"),
        (("--speaker-pattern", "a", "--manifest", "m"), "not both"),
        (("--p-target", "1"), "p_target must be between 0 and 1, got 1"),
    ):
        assert reason in fails("measure", trials, kaldi, *options)
    assert "no such file of scores" in fails("measure", trials, "none.txt")


def test_corpora_that_are_too_small(fails, tmp_path):
    path = tmp_path / "one" / "ann" / "1.wav"
    path.parent.mkdir(parents=True)
    soundfile.write(path, tone(0.5, 150), 16_000)
    soundfile.write(path.with_name("2.wav"), tone(0.5, 150), 16_000)
    line = fails("prepare", "folder", tmp_path / "one", "-o", tmp_path / "out")
    assert "only one speaker" in line
    line = fails("prepare", "folder", tmp_path / "one", "-o", tmp_path / "out", "--split")
    assert "1 speaker cannot be split" in line
    assert not (tmp_path / "out").exists()


def test_a_speaker_with_one_utterance_is_trained_on_but_is_no_target(
    contravox, tone_corpus, tmp_path
):
    for path in sorted(tone_corpus.rglob("*.wav")):
        copy = tmp_path / "corpus" / path.relative_to(tone_corpus)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if "s00" not in path.parts or path.stem == "u0":
            copy.symlink_to(path)
    done = contravox("prepare", "folder", tmp_path / "corpus", "-o", tmp_path / "out", "--json")
    assert json.loads(done.stdout)["corpus"]["utterances"] == 56
    trials = (tmp_path / "out" / "trials.tsv").read_text().splitlines()
    assert not [line for line in trials if line.count("s00/") == 2]
    done = contravox(
        *("train", "small/aamsupcon", *TINY, "sampler.speakers=12", "training.epochs=1"),
        *(f"data.manifest={tmp_path}/out/manifest.tsv", "data.validation_trials=null"),
        *("-o", tmp_path / "run"),
    )
    assert done.status == 0, done.stderr


@pytest.mark.cluster
def test_training_in_two_processes_speaks_with_one_voice(work):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "contravox", "train", "run/recipe.yaml", "-o", "two", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"] == 12
    # On a slow machine, how far it has come.
    lines = [line for line in done.stderr.splitlines() if not line.startswith("training: ")]
    assert all(line.startswith("warning: ") for line in lines), lines
    assert len(set(lines)) == len(lines)
    assert len((work / "two" / "log.jsonl").read_text().splitlines()) == 12 + 1


def test_training_in_chunks_logs_the_weights_of_every_step(contravox, work):
    recipe = work / "chunks.yaml"
    recipe.write_text((work / "run" / "recipe.yaml").read_text())
    settings = ("training.chunk_size=3", "training.precision=bf16-mixed", "balance.name=upgrad")
    done = contravox("train", recipe, *settings, "-o", "chunks", "--json")
    assert done.status == 0, done.stderr
    entries = [json.loads(line) for line in (work / "chunks" / "log.jsonl").open()]
    steps = [entry for entry in entries if "losses" in entry]
    assert len(steps) == json.loads(done.stdout)["steps"] == 12
    for entry in steps:
        assert entry["weights"].keys() == entry["losses"].keys() == {"classification", "contrast"}
        assert any(weight > 0 for weight in entry["weights"].values())


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
def test_recipes_with_mistakes(fails, work, change, reason):
    line = fails("train", "small/aamsupcon", *TINY, change, "-o", "mistaken")
    assert reason in line
    assert not (work / "mistaken").exists()


def test_trials_that_name_an_unknown_utterance(fails, work):
    (work / "corpus" / "test" / "other.tsv").write_text("1 nobody/1.wav somebody/2.wav\n")
    line = fails("evaluate", "run/model.safetensors", "corpus/test/other.tsv")
    assert "2 of 2 utterances are not in the manifest" in line


def test_models_and_recordings_that_cannot_be_read(fails, work, tone_corpus, tmp_path):
    wav = next(tone_corpus.rglob("*.wav"))
    half = tmp_path / "half.safetensors"
    whole = (work / "run" / "model.safetensors").read_bytes()
    half.write_bytes(whole[: len(whole) // 2])
    assert "not a whole safetensors file" in fails("verify", half, wav, wav)
    text = tmp_path / "text.wav"
    text.write_text("hello")
    model = work / "run" / "model.safetensors"
    assert "text.wav: cannot be read as audio" in fails("verify", model, wav, text)
    assert "none.wav: no such file" in fails("verify", model, wav, tmp_path / "none.wav")


def test_an_output_that_cannot_be_written(fails, work):
    (work / "file").write_text("in the way")
    line = fails("embed", "run/model.safetensors", "corpus/test/manifest.tsv", "-o", "file/e.npz")
    assert "cannot be written" in line
    line = fails("train", "small/aamsupcon", *TINY, "-o", "file/run")
    assert "cannot be written" in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_training_interrupted_and_resumed(contravox, fails, work, number):
    command = [
        "train",
        "small/aamsupcon",
        *TINY,
        "training.epochs=12",
        "training.validate_every=12",
        *("data.workers=1", "-o", f"cut{number}"),
    ]
    process = subprocess.Popen(
        [*COMMAND, *command],
        cwd=work,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    log = work / f"cut{number}" / "log.jsonl"
    deadline = time.monotonic() + 120
    while not (log.exists() and log.read_text().count("\n") > 5):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # Its readers are in its group, as a scheduler's signal is to all.
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    [line] = [line for line in errors.splitlines() if not line.startswith("warning: ")]
    assert line.startswith("stopped after step ")
    assert line.endswith(": go on with --resume")
    assert "--resume" in fails(*command)
    steps = log.read_text().count("losses")
    done = contravox(*command, "--resume", "--json")
    assert done.status == 0, done.stderr
    assert json.loads(done.stdout)["steps"] == log.read_text().count("losses") > steps


@pytest.mark.parametrize(
    ("arguments", "function"),
    [
        (["prepare", "folder", "{corpus}", "-o", "{out}"], "contravox.corpora.scan.audio_info"),
        (["prepare", "folder", "{corpus}", "-o", "{out}"], "polars.DataFrame.write_csv"),
        (["embed", "{model}", "corpus/test/manifest.tsv", "-o", "{out}/e.npz"], "numpy.savez"),
        (
            ["evaluate", "{model}", "corpus/test/trials.tsv", "-o", "{out}"],
            "contravox.report.folder.write_report",
        ),
        (["verify", "{model}", "{wav}", "{wav}"], "contravox.model.Model.embed"),
    ],
)
def test_other_verbs_interrupted_leave_nothing_half_written(
    contravox, tone_corpus, tmp_path, monkeypatch, arguments, function
):
    def interrupt(*arguments, **keywords):
        raise KeyboardInterrupt

    places = {
        "corpus": tone_corpus,
        "wav": next(tone_corpus.rglob("*.wav")),
        "model": "run/model.safetensors",
        "out": tmp_path / "out",
    }
    monkeypatch.setattr(function, interrupt)
    done = contravox(*(argument.format(**places) for argument in arguments))
    assert done.status == 130
    assert "Traceback" not in done.stderr
    written = {path.name for path in tmp_path.rglob("[!.]*") if path.is_file()}
    assert not written

"""What a command would write over, tried with every command."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from contravox.encoders.ecapa_tdnn import EcapaTdnnSettings
from contravox.features import FeatureSettings
from contravox.files.outputs import RECORD
from contravox.model import Model, ModelSettings

MODEL, OTHER = "model.safetensors", "other.safetensors"
TINY = [
    *("data.segment_seconds=0.4", "data.workers=0", "features.bins=20", "training.epochs=1"),
    "sampler={name: speakers_utterances, speakers: 4, utterances: 2}",
    "encoder={name: ecapa_tdnn, channels: 16, aggregation: 24, bottleneck: 8, embedding_size: 8}",
]


@pytest.fixture(scope="module")
def prepared(corpus, tmp_path_factory):
    """A prepared corpus, two models, and the scores of one."""
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copytree(corpus, folder / "corpus")
    encoder = EcapaTdnnSettings(channels=16, aggregation=24, bottleneck=8, embedding_size=6)
    settings = ModelSettings(features=FeatureSettings(bins=20), encoder=encoder)
    for seed, name in enumerate((MODEL, OTHER)):
        torch.manual_seed(seed)
        Model(settings).save(folder / name)
    (folder / "sweep.yaml").write_text(
        "recipe: small/aamsupcon\nvariants: {plain: []}\nseeds: [0]\ntrials: corpus/test\n"
    )
    return folder


@pytest.fixture
def work(prepared, tmp_path, monkeypatch):
    """A copy of that to work in."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def run(work, run):
    """Run a command; give its line on the error stream, if any."""

    def line_of(*arguments):
        status, _, errors = run(*arguments)
        if not status:
            return None
        assert status == 2
        [line] = [line for line in errors.splitlines() if not line.startswith("warning: ")]
        assert line.startswith("error: ")
        return line

    return line_of


def contents(folder):
    """Every file below a folder but the record, and what it holds."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != RECORD and "cache" not in path.parts
    }


EMBED = ("embed", MODEL, "corpus/test/manifest.tsv")
CALIBRATE = ("calibrate", MODEL, "corpus/validation")
EVALUATE = ("evaluate", MODEL, "corpus/test")
TRAIN = ("train", "small/aamsupcon", *TINY)


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (EMBED, MODEL),
        (EMBED, "corpus/test/manifest.tsv"),
        (EMBED, "linked.npz"),
        (EMBED, "hard.npz"),
        (CALIBRATE, MODEL),
        (CALIBRATE, "linked.safetensors"),
        (CALIBRATE, "corpus/validation/trials.tsv"),
        (("shard", "corpus/manifest.tsv"), "corpus"),
        (("shard", "corpus/test/manifest.tsv"), "corpus/test"),
        (("prepare", "table", "corpus/manifest.tsv"), "corpus"),
        (("prepare", "table", "corpus/train/manifest.tsv"), "corpus"),
        (("train", "corpus/recipe.yaml"), "corpus"),
        ((*TRAIN, f"training.initial_model={MODEL}"), "."),
        (("evaluate", MODEL, "corpus/scores.tsv"), "corpus"),
        (
            (
                "fuse",
                "corpus",
                "--trials",
                "corpus/test",
                "--learn-on",
                "corpus",
                "--learning-trials",
                "corpus/validation",
            ),
            "corpus",
        ),
    ],
)
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_an_input_is_never_replaced(run, work, prepared, command, output, force):
    os.symlink(MODEL, "linked.npz")
    os.symlink(MODEL, "linked.safetensors")
    os.link(MODEL, "hard.npz")
    shutil.copy("corpus/test/trials.tsv", "corpus/scores.tsv")
    Path("corpus/recipe.yaml").write_text(Path("sweep.yaml").read_text())
    before = contents(work)
    if command[1] == "corpus/recipe.yaml":
        Path("corpus/recipe.yaml").write_text(
            "data: {manifest: corpus/train/manifest.tsv}\nencoder: {name: ecapa_tdnn}\n"
            "objectives: {contrast: {name: supcon}}\n"
        )
        before = contents(work)
    assert run(*command, "-o", output, *force) is not None
    assert contents(work) == before


def another(name):
    """A file that nobody but its owner can make again."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text("precious")


FOREIGN = [
    (EMBED, "e.npz", "e.npz"),
    (CALIBRATE, "c.safetensors", "c.safetensors"),
    *((EVALUATE, "out", f"out/{name}") for name in ("scores.tsv", "metrics.json", "report.html")),
    (("score", "corpus/test", "test.npz"), "out", "out/metrics.json"),
    (("prepare", "table", "corpus/manifest.tsv"), "out", "out/trials.tsv"),
    (("prepare", "table", "corpus/manifest.tsv"), "out", "out/manifest.tsv"),
    (("prepare", "table", "corpus/manifest.tsv", "--split"), "out", "out/test/trials.tsv"),
    (("shard", "corpus/test/manifest.tsv"), "out", "out/shard-000000.tar"),
    (TRAIN, "out", "out/model.safetensors"),
    (TRAIN, "out", "out/recipe.yaml"),
    (("sweep", "sweep.yaml", *TINY), "out", "out/results.tsv"),
    (("sweep", "sweep.yaml", *TINY), "out", "out/plain/seed0/model.safetensors"),
]


@pytest.mark.parametrize(("command", "output", "there"), FOREIGN)
def test_what_another_made_is_replaced_only_by_force(run, work, command, output, there):
    assert run("embed", MODEL, "corpus/test/manifest.tsv", "-o", "test.npz") is None
    another(there)
    before = contents(work)
    line = run(*command, "-o", output)
    assert line.startswith(f"error: {there}: is there already")
    assert "--force" in line
    assert contents(work) == before
    assert run(*command, "-o", output, "--force") is None
    assert Path(there).read_bytes() != b"precious"
    # It is the command's own from now on.
    if command[0] not in ("train", "sweep"):
        assert run(*command, "-o", output) is None


@pytest.mark.parametrize(
    ("command", "changed", "what"),
    [
        (EVALUATE, ("evaluate", OTHER, "corpus/test"), "another model"),
        (EVALUATE, ("evaluate", MODEL, "corpus/validation"), "another trial list"),
        (EVALUATE, ("evaluate", OTHER, "corpus/validation"), "another model and another trial"),
        (EVALUATE, ("score", "corpus/test", "test.npz"), "`contravox score` did not write it"),
        (
            ("prepare", "table", "corpus/manifest.tsv"),
            ("prepare", "table", "corpus/test/manifest.tsv"),
            "another corpus",
        ),
        (
            ("prepare", "table", "corpus/manifest.tsv"),
            ("shard", "corpus/test/manifest.tsv"),
            "`contravox shard` did not write it",
        ),
        (
            ("shard", "corpus/test/manifest.tsv"),
            ("shard", "corpus/validation/manifest.tsv"),
            "another manifest",
        ),
    ],
)
def test_the_same_command_may_run_again_and_another_may_not(run, work, command, changed, what):
    run("embed", MODEL, "corpus/test/manifest.tsv", "-o", "test.npz")
    assert run(*command, "-o", "out") is None
    before = contents(work / "out")
    assert run(*command, "-o", "out") is None
    assert contents(work / "out").keys() == before.keys()
    before = contents(work / "out")
    line = run(*changed, "-o", "out")
    assert what in line
    assert "--force" in line
    assert contents(work / "out") == before
    assert run(*changed, "-o", "out", "--force") is None
    assert contents(work / "out") != before
    # Whoever made what lies there now, it is not the first command any more.
    assert run(*command, "-o", "out") is not None


def test_a_file_is_replaced_by_the_command_that_made_it(run, work):
    assert run(*EMBED, "-o", "e.npz") is None
    first = np.load("e.npz")["embeddings"]
    assert run(*EMBED, "-o", "e.npz") is None
    assert "--force" in run("embed", OTHER, "corpus/test/manifest.tsv", "-o", "e.npz")
    assert "--force" in run("embed", MODEL, "corpus/validation/manifest.tsv", "-o", "e.npz")
    np.testing.assert_array_equal(np.load("e.npz")["embeddings"], first)
    assert run("embed", OTHER, "corpus/test/manifest.tsv", "-o", "e.npz", "--force") is None
    assert not np.array_equal(np.load("e.npz")["embeddings"], first)
    assert run(*CALIBRATE, "-o", "c.safetensors") is None
    assert run(*CALIBRATE, "-o", "c.safetensors") is None
    assert "--force" in run("calibrate", OTHER, "corpus/validation", "-o", "c.safetensors")
    assert "--force" in run("calibrate", MODEL, "corpus/test", "-o", "c.safetensors")
    # A model that nobody calibrated is not what calibrate wrote.
    shutil.copy(MODEL, "c.safetensors")
    assert "--force" in run(*CALIBRATE, "-o", "c.safetensors")


def test_a_sweep_keeps_the_rows_of_others(run, work):
    assert run("sweep", "sweep.yaml", *TINY, "-o", "out") is None
    rows = Path("out/results.tsv").read_bytes()
    Path("sweep.yaml").write_text(Path("sweep.yaml").read_text().replace("plain", "other"))
    assert "such as plain, seed 0" in run("sweep", "sweep.yaml", *TINY, "-o", "out")
    assert Path("out/results.tsv").read_bytes() == rows
    assert run("sweep", "sweep.yaml", *TINY, "-o", "out", "--force") is None
    assert [run["variant"] for run in json.loads(Path("out/results.json").read_text())["runs"]] == [
        "other"
    ]


def test_a_training_is_resumed_or_by_force_begun_anew(run, work):
    assert run(*TRAIN, "-o", "out") is None
    first = Path("out/model.safetensors").read_bytes()
    assert "--resume" in run(*TRAIN, "-o", "out")
    # Its own recipe is no input of somebody else.
    assert run("train", "out/recipe.yaml", "-o", "out", "--resume") is None
    assert Path("out/model.safetensors").read_bytes() == first
    assert run(*TRAIN, "training.seed=5", "-o", "out", "--force") is None
    assert Path("out/model.safetensors").read_bytes() != first


@pytest.mark.parametrize(
    ("command", "output", "reason"),
    [
        (EMBED, "corpus/trials.npz", "is a folder"),
        (EMBED, "fifo.npz", "not a regular file"),
        (EMBED, "/dev/full", "is not a folder"),
        (EMBED, "e.safetensors", "are written to .npz, .ark"),
        (EMBED, f"{MODEL}/e.npz", "cannot be written"),
        (EMBED, "n" * 300 + ".npz", "cannot be written (file name too long)"),
        (EMBED, "gone.npz", "not a regular file"),
        (EMBED, f"{MODEL}/e.parquet", "is not a folder"),
        (EMBED, "n" * 300 + ".ark", "file name too long"),
        (EMBED, os.fsdecode(b"\xff.ark"), "is not UTF-8"),
        (EMBED, os.fsdecode(b"\xff.npz"), "is not UTF-8"),
        (EVALUATE, os.fsdecode(b"\xff"), "is not UTF-8"),
        (CALIBRATE, "c.npz", "would be of the kind .safetensors"),
        (EVALUATE, MODEL, "is not a folder"),
        (EVALUATE, "/dev/full", "is not a folder"),
        (EVALUATE, "fifo.npz", "is not a folder"),
        (TRAIN, MODEL, "is not a folder"),
        (TRAIN, f"{MODEL}/run", "cannot be written"),
        (("shard", "corpus/test/manifest.tsv"), MODEL, "is not a folder"),
        (("prepare", "table", "corpus/manifest.tsv"), "fifo.npz", "is not a folder"),
        (("sweep", "sweep.yaml"), MODEL, "is not a folder"),
    ],
)
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_an_output_that_cannot_be_is_refused_before_the_work(
    run, work, monkeypatch, command, output, reason, force
):
    def work_begins(*arguments, **keywords):
        raise AssertionError("the work has begun")

    for name in ("inference.embed._read", "corpora.scan.audio_info", "corpora.shards.read_audio"):
        monkeypatch.setattr(f"contravox.{name}", work_begins)
    os.mkfifo("fifo.npz")
    os.mkdir("corpus/trials.npz")
    os.symlink("nowhere", "gone.npz")
    before = contents(work)
    line = run(*command, "-o", output, *force)
    assert reason in line
    assert contents(work) == before
    assert sorted(os.listdir()) == sorted(
        [*{path.relative_to(work).parts[0] for path in before}, "fifo.npz", "gone.npz"]
        + (["cache"] if os.path.exists("cache") else [])
    )


@pytest.mark.parametrize(
    ("command", "output", "held"),
    [
        (EMBED, "e.npz", "e.npz"),
        (CALIBRATE, "c.safetensors", "c.safetensors"),
        (EVALUATE, "out", "out"),
        (("score", "corpus/test", "none.npz"), "out", "out"),
        (("prepare", "table", "corpus/manifest.tsv"), "out", "out"),
        (("prepare", "trials", "corpus/manifest.tsv"), "out", "out"),
        (("shard", "corpus/manifest.tsv"), "out", "out"),
        (("transcode", "corpus"), "out", "out"),
        (TRAIN, "out", "out"),
        (("sweep", "sweep.yaml"), "out", "out"),
        (("demo", "--corpus", "corpus"), "out", "out/corpus-seed0"),
    ],
)
def test_one_run_at_a_time_writes_to_a_place(run, work, hold, command, output, held):
    if "." not in held:
        Path(held).mkdir(parents=True)
    process = hold(work / held)
    for force in ((), ("--force",)):
        line = run(*command, "-o", output, *force)
        assert f"{held}: process {process.pid} on " in line
        assert " is writing it: wait for that, or choose another --output" in line


def test_a_command_that_fails_leaves_no_folder_behind(run, work):
    assert run("prepare", "table", "none.tsv", "-o", "a/b/c") is not None
    assert run("evaluate", MODEL, "none.tsv", "-o", "a/b") is not None
    assert not Path("a").exists()

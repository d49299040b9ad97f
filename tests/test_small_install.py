"""An install without extras: with their modules hidden, and for real in a fresh environment."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest
from onnx import TensorProto, helper, numpy_helper

from contravox.audio.waveform import read_audio
from contravox.embeddings import Embeddings
from contravox.inference.onnx_file import OnnxFile
from contravox.inference.onnx_model import (
    EMBEDDINGS,
    LENGTHS,
    WAVEFORMS,
    OnnxModel,
    OnnxSettings,
)
from small_install import CALIBRATED, COSINE, MODEL, WITH_AN_EXTRA, WITHOUT_EXTRAS, Ended

ROOT = Path(__file__).parents[1]

TIMES = np.arange(400) / 16_000
FILTERS = np.stack(
    [np.hanning(400) * np.cos(2 * np.pi * hertz * TIMES) for hertz in range(100, 1700, 100)]
).astype(np.float32)
"""(16, 400): what a model of a test listens to, 25 ms of a cosine each."""


def model_of_filters():
    """An embedding is how loud each filter's band is, on the average: made in no time."""
    nodes = [
        helper.make_node("Unsqueeze", [WAVEFORMS, "one"], ["signals"]),
        helper.make_node("Conv", ["signals", "filters"], ["bands"], strides=[160]),
        helper.make_node("Abs", ["bands"], ["loudness"]),
        helper.make_node("ReduceMean", ["loudness"], [EMBEDDINGS], axes=[2], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "filters",
        [
            helper.make_tensor_value_info(WAVEFORMS, TensorProto.FLOAT, ["n", "samples"]),
            helper.make_tensor_value_info(LENGTHS, TensorProto.INT64, ["n"]),
        ],
        [helper.make_tensor_value_info(EMBEDDINGS, TensorProto.FLOAT, ["n", len(FILTERS)])],
        [
            numpy_helper.from_array(np.array([1]), "one"),
            numpy_helper.from_array(FILTERS[:, None], "filters"),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    settings = OnnxSettings(architecture="filters", source="a test", parameters=0, alone=True)
    return OnnxModel(OnnxFile.of(made.SerializeToString(), MODEL), settings, MODEL)


def loudness(waveform):
    """What the model gives, by NumPy."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 400)[::160]
    return np.abs(frames @ FILTERS.T).mean(axis=0)


@pytest.fixture
def folder(tone_corpus, tmp_path):
    """What the commands find."""
    model_of_filters().save(tmp_path / MODEL)
    (tmp_path / "voices").symlink_to(tone_corpus)
    return tmp_path


def check(folder, without, with_an_extra):
    """Raise AssertionError where the commands of each kind did not end as they should."""
    for arguments, ended in zip(WITHOUT_EXTRAS, without, strict=True):
        assert ended.status == 0, (arguments, ended)
        assert ended.output, arguments
    for (extra, arguments), ended in zip(WITH_AN_EXTRA, with_an_extra, strict=True):
        assert (ended.status, ended.output) == (2, ""), (arguments, ended)
        [line] = ended.errors.splitlines()
        assert line.startswith("error: "), line
        assert f"which is not installed: pip install 'contravox[{extra}]'" in line, line
    embedded = Embeddings.load(folder / "test.npz")
    paths = dict(
        pl.read_csv(folder / "corpus/test/manifest.tsv", separator="\t")
        .select("utterance", "path")
        .iter_rows()
    )
    wanted = [loudness(read_audio(folder / paths[name])) for name in embedded.utterances]
    np.testing.assert_allclose(embedded.vectors, wanted, rtol=1e-4)
    assert (folder / CALIBRATED).is_file()
    # Of an evaluation the page alone is missing, and it is said what brings it.
    files = {path.name for path in (folder / COSINE).glob("[!.]*")}
    assert files == {"scores.tsv", "metrics.json"}
    [evaluated] = [
        each
        for arguments, each in zip(WITHOUT_EXTRAS, without, strict=True)
        if COSINE in arguments and "evaluate" in arguments
    ]
    assert "report.html is left out" in evaluated.errors
    assert "pip install 'contravox[report]'" in evaluated.errors


def test_where_modules_of_extras_are_not_found(folder):
    commands = [*WITHOUT_EXTRAS, *(arguments for _, arguments in WITH_AN_EXTRA)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("small_install.py")],
        input=json.dumps(commands),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    ended = [Ended(*each) for each in json.loads(done.stdout)]
    check(folder, ended[: len(WITHOUT_EXTRAS)], ended[len(WITHOUT_EXTRAS) :])


@pytest.mark.parametrize(
    "versions",
    [
        pytest.param("pinned", marks=pytest.mark.install),
        pytest.param("oldest", marks=pytest.mark.release),
        pytest.param("newest", marks=pytest.mark.release),
    ],
)
def test_the_wheel_alone_in_a_fresh_environment(folder, tmp_path_factory, versions):
    place = tmp_path_factory.mktemp("environment")
    python = place / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    # Nothing of this machine's environment, in which PyTorch is, may be found from the other.
    environment = {name: each for name, each in os.environ.items() if name != "PYTHONPATH"}

    def run(*command):
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    def must(*command):
        done = run(*command)
        assert done.returncode == 0, done.stderr

    def contravox(arguments):
        done = run(python.with_name("contravox"), *arguments)
        return Ended(done.returncode, done.stdout, done.stderr)

    must(sys.executable, "-m", "venv", place)
    # Of a copy: setuptools would put into the wheel what builds before it left in the folder.
    source = place / "source"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    must(*pip, "wheel", "--no-deps", "--wheel-dir", place, source)
    [wheel] = place.glob("contravox-*.whl")
    if versions == "pinned":
        must(*pip, "install", "-c", ROOT / "constraints.txt", wheel)
    else:
        resolution = {"oldest": "lowest-direct", "newest": "highest"}[versions]
        uv = ("uv", "pip", "install", "--quiet", "--python", python)
        # Of the wheel itself, uv would not take what it asks for to be direct.
        must(*uv, "--resolution", resolution, source)
    check(
        folder,
        [contravox(arguments) for arguments in WITHOUT_EXTRAS],
        [contravox(arguments) for _, arguments in WITH_AN_EXTRA],
    )
    doctor = contravox(("doctor", "--model", MODEL))
    assert doctor.status == 0, doctor
    assert "pip install 'contravox[train]': lacks" in doctor.output
    assert "torch  " not in doctor.output

"""What an install without extras is used for, as commands that follow on each other."""

import io
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

from contravox.cli import main
from contravox.extras import EXTRAS

MODEL, CALIBRATED, WEIGHTS = "model.onnx", "calibrated.onnx", "model.safetensors"
VOICES = ("voices/s00/session0/u0.wav", "voices/s00/session1/u1.wav")
COSINE = "runs/cosine"
NORMALISED = "runs/normalised"
LEARNING = ("runs/learn_cosine", "runs/learn_normalised")
AS_NORM = (
    *("--training", "train.npz", "--training-manifest", "corpus/train/manifest.tsv"),
    *("--normalise", "as1", "--top", "5"),
)

WITHOUT_EXTRAS = (
    ("prepare", "folder", "voices", "-o", "corpus", "--split"),
    *(
        ("embed", MODEL, f"corpus/{part}/manifest.tsv", "-o", f"{part}.npz")
        for part in ("train", "validation", "test")
    ),
    ("embed", MODEL, "corpus/test/manifest.tsv", "-o", "test.parquet"),
    ("embed", MODEL, "corpus/test/manifest.tsv", "-o", "parts"),
    ("evaluate", MODEL, "corpus/test", "-o", COSINE),
    ("evaluate", MODEL, "corpus/validation", "-o", LEARNING[0]),
    ("score", "corpus/test", "test.npz", "-o", NORMALISED, *AS_NORM),
    ("score", "corpus/validation", "validation.npz", "-o", LEARNING[1], *AS_NORM),
    ("measure", "corpus/test", f"{COSINE}/scores.tsv"),
    ("compare", COSINE, NORMALISED, "--trials", "corpus/test", "--replicates", "50"),
    (
        *("fuse", COSINE, NORMALISED, "--trials", "corpus/test"),
        *("--learn-on", LEARNING[0], "--learn-on", LEARNING[1]),
        *("--learning-trials", "corpus/validation"),
    ),
    ("calibrate", MODEL, "corpus/validation", "-o", CALIBRATED),
    ("verify", CALIBRATED, VOICES[0], VOICES[0]),
    ("verify", VOICES[0], VOICES[0]),
    ("enrol", "Ann", *VOICES, "--model", CALIBRATED, "--allow-outliers"),
    ("identify", VOICES[0], "--model", CALIBRATED, "--threshold", "-1"),
    ("verify", "--as", "Ann", VOICES[0], "--model", CALIBRATED, "--threshold", "-1"),
    ("gallery", "list"),
    ("gallery", "export", "-o", "copy.sqlite"),
    ("gallery", "delete", "Ann"),
)
"""In a folder with a model and the voices of 12 speakers."""

WITH_AN_EXTRA = (
    ("train", ("train", "small/mfcon")),
    ("train", ("train", "small/mfcon", "--dry-run")),
    ("train", ("sweep", "ablations/small/mfcon")),
    ("train", ("export", WEIGHTS, "-o", "exported.onnx")),
    ("train", ("convert", WEIGHTS, "-o", "converted.onnx")),
    ("train", ("convert", "other.onnx", "-o", "converted.onnx")),
    ("train", ("verify", WEIGHTS, *VOICES)),
    ("train", ("evaluate", WEIGHTS, "corpus/test")),
    ("train", ("demo",)),
    (
        "report",
        ("cluster", "corpus/train/manifest.tsv", "train.npz", "-o", "out", "--clusters", "4"),
    ),
    ("serve", ("serve", "--model", MODEL)),
    ("ray", ("embed", MODEL, "corpus/test/manifest.tsv", "-o", "ray", "--engine", "ray")),
    ("postgresql", ("gallery", "list", "--gallery", "postgresql://nobody@nowhere/none")),
)
"""The extra, and what needs it."""


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    status: int
    output: str
    errors: str


class Absent:
    """Finds no module of an extra, as where they are not installed."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def run_here(commands: Sequence[Sequence[str]]) -> list[Ended]:
    """Run commands in this process, one after the other."""
    ended = []
    for arguments in commands:
        sys.argv = ["contravox", *arguments]
        with redirect_stdout(io.StringIO()) as output, redirect_stderr(io.StringIO()) as errors:
            try:
                main()
            except SystemExit as exit:
                status = exit.code
        ended.append(Ended(int(status or 0), output.getvalue(), errors.getvalue()))
    return ended


if __name__ == "__main__":
    sys.meta_path.insert(0, Absent())
    print(json.dumps(run_here(json.load(sys.stdin))))

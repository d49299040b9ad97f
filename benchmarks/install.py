"""What an install takes on the disk, and how long it is until the first embedding, beside peers.

    python benchmarks/install.py RECORDING [--environments FOLDER] [--only NAME] [--runs 5]

Each contestant is installed from a package index into a fresh environment of its own, beyond which
it needs Python alone; a folder of environments is used again. A time is of a new process, from its
start to its end, and the median of several; in brackets what the processor took, which tells more
where others are at work too. Networks have random weights where theirs cannot be had from the
index: an ECAPA-TDNN of 512 channels, here and in SpeechBrain. Resemblyzer brings its own.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TORCH = "torch==2.13.0"
HERE = "."
"""This working tree, as a requirement."""

OURS = """
from contravox import Verifier
print(Verifier.load({model!r}).embed({recording!r}).vector.shape)
"""
RESEMBLYZER = """
from resemblyzer import VoiceEncoder, preprocess_wav
print(VoiceEncoder("cpu", verbose=False).embed_utterance(preprocess_wav({recording!r})).shape)
"""
SPEECHBRAIN = """
import soundfile, torch
from speechbrain.lobes.features import Fbank
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
from speechbrain.processing.features import InputNormalization
waveform = torch.from_numpy(soundfile.read({recording!r}, dtype="float32")[0])[None]
network = ECAPA_TDNN(80, channels=[512] * 4 + [1536], lin_neurons=192).eval()
normalise = InputNormalization(norm_type="sentence", std_norm=False)
with torch.inference_mode():
    print(network(normalise(Fbank(n_mels=80)(waveform), torch.ones(1))).shape)
"""
WESPEAKER = """
import wespeaker
"""


@dataclass(frozen=True)
class Contestant:
    """requirements: for pip. module: that users import. program: to the first embedding.

    command: the same from the command line, after the environment's folder, if there is a way.
    """

    name: str
    requirements: tuple[str, ...]
    module: str
    program: str
    command: tuple[str, ...] = ()


CONTESTANTS = (
    Contestant("contravox", (HERE,), "contravox", OURS, ("contravox", "verify", "MODEL", "A", "A")),
    # Its voice activity detector asks for a module that newer setuptools do not have.
    Contestant("Resemblyzer", ("Resemblyzer", TORCH, "setuptools<81"), "resemblyzer", RESEMBLYZER),
    Contestant("SpeechBrain", ("speechbrain", TORCH, "soundfile"), "speechbrain", SPEECHBRAIN),
    Contestant("WeSpeaker", ("wespeaker", TORCH), "wespeaker", WESPEAKER),
)


@dataclass(frozen=True)
class Times:
    """Medians in seconds: on the clock, and of the processor."""

    clock: float
    processor: float

    def __str__(self) -> str:
        return f"{self.clock:.2f} ({self.processor:.2f})"


def installed(contestant: Contestant, folder: Path) -> str | None:
    """Install a contestant, unless it is there; returns why it cannot be, or None."""
    done = folder / "installed"
    if done.exists():
        return None
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    (folder / "bare_bytes").write_text(str(packages(folder)[1]))
    pip = [str(folder / "bin" / "pip"), "install", "--quiet"]
    command = [
        *pip,
        *(str(_source(folder)) if each == HERE else each for each in contestant.requirements),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        errors = [line for line in ended.stderr.splitlines() if line.startswith("ERROR")]
        return (errors or ["pip failed"])[-1].removeprefix("ERROR: ")
    done.touch()
    return None


def _source(folder: Path) -> Path:
    """A copy of what the wheel is built from, as what earlier builds left would get into it."""
    copy = folder / "source"
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, copy)
    return copy


def packages(folder: Path) -> tuple[int, int]:
    """How many packages an environment has, and the bytes of their files."""
    [site] = folder.glob("lib/python*/site-packages")
    files = [path for path in site.rglob("*") if path.is_file() and not path.is_symlink()]
    return len(list(site.glob("*.dist-info"))), sum(path.stat().st_size for path in files)


def timed(command: Sequence[str | Path], folder: Path, runs: int) -> Times:
    """Run a command so often, after once for the caches; raises RuntimeError where it fails."""
    clocks, processors = [], []
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for _ in range(runs + 1):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        ended = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        clocks.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if ended.returncode:
            raise RuntimeError((ended.stderr.strip().splitlines() or ["failed"])[-1])
    return Times(statistics.median(clocks[1:]), statistics.median(processors[1:]))


def make_model(path: Path) -> None:
    """An ECAPA-TDNN of 512 channels with random weights, as one ONNX graph that decides at 0.5."""
    from contravox.encoders import EcapaTdnnSettings
    from contravox.inference.export import export_model
    from contravox.model import Model, ModelSettings

    model = Model(ModelSettings(encoder=EcapaTdnnSettings(channels=512), threshold=0.5))
    export_model(model, "random weights").save(path)


def measure(contestant: Contestant, folder: Path, recording: Path, model: Path, runs: int) -> str:
    """A row of the table."""
    reason = installed(contestant, folder)
    if reason is not None:
        return f"| {contestant.name} | cannot be installed: {reason} | | | | |"
    count, size = packages(folder)
    size -= int((folder / "bare_bytes").read_text())
    python = folder / "bin" / "python"
    program = contestant.program.format(recording=str(recording), model=str(model))
    row = f"| {contestant.name} | {count} | {size / 1e6:.0f}"
    try:
        row += f" | {timed([python, '-c', f'import {contestant.module}'], folder, runs)}"
        row += f" | {timed([python, '-c', program], folder, runs)}"
    except RuntimeError as error:
        return f"{row} | fails as installed: {error} | | |"
    if not contestant.command:
        return f"{row} | – |"
    places = {"MODEL": str(model), "A": str(recording)}
    name, *arguments = (places.get(each, each) for each in contestant.command)
    return f"{row} | {timed([folder / 'bin' / name, *arguments], folder, runs)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--environments", type=Path)
    parser.add_argument("--only", choices=[each.name for each in CONTESTANTS])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        place = (options.environments or Path(made) / "environments").resolve()
        model = Path(made) / "model.onnx"
        make_model(model)
        print(f"load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print("| | packages | MB | import, s | first embedding: Python, s | command line, s |")
        print("|---|---|---|---|---|---|")
        for each in CONTESTANTS:
            if options.only in (None, each.name):
                folder = place / each.name
                print(measure(each, folder, options.recording.resolve(), model, options.runs))


if __name__ == "__main__":
    main()

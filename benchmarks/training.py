"""A step of training, 64 segments of 2 s, ours beside others': a table a network.

    python benchmarks/training.py [--only NAME ...] [--repeats 3] [--threads 2]
        [--wespeaker DIR] [--mfa-conformer DIR --speechbrain DIR] [--voxceleb-trainer DIR]

From waveforms to features, embeddings and AAM-softmax over 1,211 classes, back, and an Adam step.
Ours in float32 and under autocast to bfloat16; others in float32, their networks with the same
loss. Of others that are given no folder (see ``networks.py``) a line says so.

In every turn each contestant makes its steps in a process of its own, one at a time, as several
would not fit in the memory of a small machine (see ``fresh_process.py``). Rates are medians over
all steps but the first of a process; "a core" is utterances by the seconds that all processors were
at work. Memory is the most that a process held, PyTorch with it.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from contravox.commands.cpu import tune_process
from contravox.objectives.functional import aam_softmax_loss
from contravox.terminal.progress import progress_bar
from fresh_process import Run, Stopwatch, run_once
from networks import (
    OWN,
    Build,
    MfaConformerOfItsAuthors,
    Repositories,
    SpeechBrain,
    VoxcelebTrainer,
    WeSpeaker,
    own_model,
)

SEGMENTS, SAMPLES = 64, 32_000
STEPS = 3
"""Of a process; the first is not counted."""
CLASSES = 1211
"""Speakers of VoxCeleb1's development part."""
FLOAT32, BFLOAT16 = "contravox, float32", "contravox, bfloat16"


class OwnNetwork(nn.Module):
    """Our model, of segments that are all of one length."""

    def __init__(self, architecture: str) -> None:
        super().__init__()
        self.model = own_model(architecture)

    def forward(self, waveforms: Tensor) -> Tensor:
        """(N, samples) to (N, d)."""
        lengths = torch.full((len(waveforms),), waveforms.shape[1])
        return self.model(waveforms, lengths).embedding


@dataclass(frozen=True)
class Contestant:
    """build: the network; bfloat16: whether it runs under autocast."""

    build: Build
    bfloat16: bool = False

    def make_step(self) -> Callable[[], None]:
        """The network, its classes and optimiser, as one step of training."""
        network = self.build().train()
        torch.manual_seed(0)
        waveforms = 0.1 * torch.randn(SEGMENTS, SAMPLES)
        labels = torch.randint(CLASSES, (SEGMENTS,))
        with torch.no_grad():
            size = network(waveforms[:2]).shape[1]
        prototypes = nn.Parameter(torch.randn(CLASSES, size))
        optimiser = torch.optim.Adam([*network.parameters(), prototypes], lr=1e-4)

        def step() -> None:
            optimiser.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
                embeddings = network(waveforms)
            aam_softmax_loss(embeddings, labels, prototypes, margin=0.2, scale=30.0).backward()
            optimiser.step()

        return step

    def make_steps(self, folder: Path, watch: Stopwatch) -> None:
        """Steps, each a part of the work. folder: not used."""
        tune_process()
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        step = self.make_step()
        watch.part("building")
        for number in range(STEPS):
            step()
            watch.part(f"step {number}")


def contestants(architecture: str, others: Repositories) -> dict[str, Contestant]:
    """Everyone who has a network of the kind."""
    own = partial(OwnNetwork, architecture)
    entered = {FLOAT32: Contestant(own), BFLOAT16: Contestant(own, bfloat16=True)}
    channels = 512 if "512" in architecture else 1024
    ecapa, conformer = "ECAPA" in architecture, architecture == "MFA-Conformer"
    if ecapa and others.wespeaker:
        entered["WeSpeaker"] = Contestant(partial(WeSpeaker, others.wespeaker, channels))
    if ecapa and others.speechbrain:
        entered["SpeechBrain"] = Contestant(partial(SpeechBrain, others.speechbrain, channels))
    if conformer and others.mfa_conformer and others.speechbrain:
        build = partial(MfaConformerOfItsAuthors, others.mfa_conformer, others.speechbrain)
        entered["mfa_conformer"] = Contestant(build)
    if architecture == "Fast ResNet-34" and others.voxceleb_trainer:
        trainer = partial(VoxcelebTrainer, others.voxceleb_trainer)
        entered["voxceleb_trainer"] = Contestant(trainer)
    return entered


def table_of(architecture: str, runs: Mapping[str, Sequence[Run]]) -> Table:
    """Ratios are to the quickest of the others, and to its memory."""
    headings = ("utterances/s", "ratio", "a core", "ratio", "GB", "ratio")
    table = Table("", *headings, title=architecture, box=SIMPLE_HEAD, title_justify="left")
    figures = {name: np.array(_figures(each)) for name, each in runs.items()}
    rivals = [name for name in runs if name not in (FLOAT32, BFLOAT16)] or [FLOAT32]
    best = max(rivals, key=lambda name: figures[name][1])
    for name, own in figures.items():
        pairs = zip(own, own / figures[best], strict=True)
        table.add_row(name, *(f"{number:.2f}" for pair in pairs for number in pair))
    return table


def _figures(runs: Sequence[Run]) -> tuple[float, float, float]:
    """Utterances a second, and of a core; gigabytes."""
    later = [f"step {number}" for number in range(1, STEPS)]
    seconds = [run.seconds[step] for run in runs for step in later]
    used = [run.processor_seconds_of_parts[step] for run in runs for step in later]
    gigabytes = max(run.peak_bytes for run in runs) / 1e9
    return SEGMENTS / float(np.median(seconds)), SEGMENTS / float(np.median(used)), gigabytes


def main() -> None:
    """Print a table for each network."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=list(OWN), choices=list(OWN), metavar="NAME")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    for name in vars(Repositories()):
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    tune_process()
    others = Repositories(**{name: getattr(arguments, name) for name in vars(Repositories())})
    for name in others.missing():
        print(f"{name}: not given, and left out")
    for architecture in arguments.only:
        entered = contestants(architecture, others)
        runs: dict[str, list[Run]] = {name: [] for name in entered}
        turns = [name for _ in range(arguments.repeats) for name in entered]
        with progress_bar(architecture) as report, tempfile.TemporaryDirectory() as folder:
            for number, name in enumerate(turns):
                report(number, len(turns))
                work = entered[name].make_steps
                runs[name].append(run_once(work, Path(folder), threads=arguments.threads))
        Console(width=100).print(table_of(architecture, runs))


if __name__ == "__main__":
    main()

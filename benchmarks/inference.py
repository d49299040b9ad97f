"""Audio seconds a second, from waveforms to embeddings, ours beside others': a table a network.

    python benchmarks/inference.py [--only NAME ...] [--repeats 5] [--threads 2]
        [--wespeaker DIR] [--mfa-conformer DIR --speechbrain DIR] [--voxceleb-trainer DIR]

``batches``: 32 waveforms of 3 s at once. ``utterances``: of 2 to 12 s, one by one. Ours run in
PyTorch, in ONNX Runtime, and there in 8 bits; WeSpeaker's by its own export in ONNX Runtime,
after kaldi-native-fbank; mfa_conformer and voxceleb_trainer, which export nothing, in PyTorch.
Weights are as drawn. Of others that are given no folder (see ``networks.py``) a line says so.

Contestants take turns (see ``rates.py``). Rates are medians over turns; "a core" is audio seconds
by the seconds that all processors were at work, which other processes disturb less.
"""

import argparse
import os
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import nn

from contravox.commands.cpu import tune_process
from contravox.inference.export import export_model
from contravox.inference.loading import load_model
from contravox.inference.onnx_model import open_session
from contravox.inference.quantisation import quantise
from contravox.terminal.progress import progress_bar
from networks import (
    OWN,
    Build,
    MfaConformerOfItsAuthors,
    Repositories,
    VoxcelebTrainer,
    WeSpeaker,
    own_model,
)
from rates import Load, Open, Rate, rates_in_turns

SAMPLE_RATE = 16_000
EAGER, ONNX, INT8 = "contravox, PyTorch", "contravox, ONNX Runtime", "contravox, ONNX Runtime, int8"

Waveforms = list[NDArray[np.float32]]


def noise(seconds: float, seed: int) -> NDArray[np.float32]:
    """A waveform; what it holds changes no speed."""
    generator = np.random.default_rng(seed)
    return 0.1 * generator.standard_normal(round(seconds * SAMPLE_RATE), dtype=np.float32)


MODES: Mapping[str, list[Waveforms]] = {
    "batches": [[noise(3.0, seed) for seed in range(32)]],
    "utterances": [[noise(seconds, 0)] for seconds in (2.0, 4.0, 6.0, 8.0, 10.0, 12.0)],
}
"""What is embedded at once, one after the other."""


def open_own(path: Path, mode: str) -> Load:
    """A model of ours in whatever its file is for."""
    model = load_model(path)

    def load() -> int:
        for waveforms in MODES[mode]:
            model.embed(waveforms)
        return _audio_seconds(mode)

    return load


def open_eager(build: Build, mode: str) -> Load:
    """A network of others in PyTorch."""
    network = build().eval()

    @torch.inference_mode()
    def load() -> int:
        for waveforms in MODES[mode]:
            network(torch.from_numpy(np.stack(waveforms)))
        return _audio_seconds(mode)

    return load


def open_wespeaker(path: Path, build: partial[WeSpeaker], mode: str) -> Load:
    """WeSpeaker's graph in ONNX Runtime, its features before."""
    features = build().features
    session = open_session(path.read_bytes(), path)

    def load() -> int:
        for waveforms in MODES[mode]:
            batch = features(torch.from_numpy(np.stack(waveforms)))
            session.run(None, {"feats": batch.numpy()})
        return _audio_seconds(mode)

    return load


def _audio_seconds(mode: str) -> int:
    samples = sum(len(each) for waveforms in MODES[mode] for each in waveforms)
    return round(samples / SAMPLE_RATE)


def export_wespeaker(build: partial[WeSpeaker], path: Path) -> None:
    """As its export_onnx.py does (at dfa7419): by the tracer, batch and frames dynamic."""
    torch.onnx.export(
        _LastOutput(build().network).eval(),
        (torch.ones(1, 200, 80),),
        str(path),
        opset_version=14,
        input_names=["feats"],
        output_names=["embs"],
        dynamic_axes={"feats": {0: "B", 1: "T"}, "embs": {0: "B"}},
        dynamo=False,
    )


class _LastOutput(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.network(features)[-1]


def contestants(
    architecture: str, mode: str, others: Repositories, folder: Path
) -> dict[str, Open]:
    """Everyone who has a network of the kind. Files that they open are made where missing."""
    own = {name: folder / f"{architecture}{end}" for name, end in _FILES.items()}
    if not own[INT8].exists():
        model = own_model(architecture)
        model.save(own[EAGER])
        exported = export_model(model, own[EAGER])
        exported.save(own[ONNX])
        quantise(exported, [noise(3.0, seed) for seed in range(8)]).save(own[INT8])
    entered: dict[str, Open] = {name: partial(open_own, path, mode) for name, path in own.items()}
    if "ECAPA" in architecture and others.wespeaker:
        build = partial(WeSpeaker, others.wespeaker, 512 if "512" in architecture else 1024)
        graph = folder / f"{architecture} of WeSpeaker.onnx"
        if not graph.exists():
            export_wespeaker(build, graph)
        entered["WeSpeaker, ONNX Runtime"] = partial(open_wespeaker, graph, build, mode)
    if architecture == "MFA-Conformer" and others.mfa_conformer and others.speechbrain:
        conformer = partial(MfaConformerOfItsAuthors, others.mfa_conformer, others.speechbrain)
        entered["mfa_conformer, PyTorch"] = partial(open_eager, conformer, mode)
    if architecture == "Fast ResNet-34" and others.voxceleb_trainer:
        trainer = partial(VoxcelebTrainer, others.voxceleb_trainer)
        entered["voxceleb_trainer, PyTorch"] = partial(open_eager, trainer, mode)
    return entered


_FILES = {EAGER: ".safetensors", ONNX: ".onnx", INT8: ".int8.onnx"}


def table_of(architecture: str, rates: Mapping[str, Mapping[str, Rate]]) -> Table:
    """rates: by mode and contestant. Ratios are to the best of the others, or of ours to EAGER."""
    headings = [part for mode in rates for part in (mode, "ratio", "a core")]
    table = Table("", *headings, title=architecture, box=SIMPLE_HEAD, title_justify="left")
    for name in next(iter(rates.values())):
        cells = []
        for by_name in rates.values():
            others = [each.median for other, each in by_name.items() if other not in _FILES]
            reference = max(others, default=by_name[EAGER].median)
            rate = by_name[name]
            cells += [f"{rate.median:,.0f}", f"{rate.median / reference:.2f}"]
            cells += [f"{1000 / np.median(rate.processor):,.0f}"]
        table.add_row(name, *cells)
    return table


def main() -> None:
    """Print a table for each network."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=list(OWN), choices=list(OWN), metavar="NAME")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="Where models are kept for another run.")
    for name in vars(Repositories()):
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    tune_process()
    # Which ONNX Runtime's sessions of ours take their threads from.
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    others = Repositories(**{name: getattr(arguments, name) for name in vars(Repositories())})
    for name in others.missing():
        print(f"{name}: not given, and left out")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        for architecture in arguments.only:
            rates = {}
            for mode in MODES:
                entered = contestants(architecture, mode, others, folder)
                with progress_bar(f"{architecture}, {mode}") as report:
                    rates[mode] = rates_in_turns(
                        entered,
                        threads=arguments.threads,
                        repeats=arguments.repeats,
                        progress=lambda done, total, _: report(done, total),
                    )
            Console(width=120).print(table_of(architecture, rates))


if __name__ == "__main__":
    main()

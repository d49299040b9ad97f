"""How fast segments and features are, beside other people's: a table a question.

    python benchmarks/loading.py [--only NAME ...] [--repeats 5] [--json FILE]

``files``: 1,000 FLAC files of 4 to 12 s to 2-s segments to 80-bin features, two workers.
``augmented``: the same with noises and rooms, drawn as often as either rival draws them.
``features``: features alone, of batches of one length and of mixed ones.

See ``own_loader.py`` and ``other_loaders.py`` for what each loader does, ``loading_corpus.py`` for
what they read and ``rates.py`` for how they take turns. Each process also computes what its loader
leaves to the one that trains, in one thread: on two cores, more would only wait for the workers.
"""

import argparse
import functools
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor

from contravox.commands.cpu import tune_process
from contravox.features import FeatureSettings, LogMelFilterbank
from contravox.files.writing import write_text
from contravox.terminal.progress import progress_bar
from filter_banks import native_filter_bank, plain_filter_bank
from loading_corpus import UTTERANCES, Corpus, make_corpus
from measure import Loss, Measurement, measure_in_turns
from other_loaders import open_voxceleb_trainer, open_wespeaker_raw, open_wespeaker_shards
from own_loader import (
    LATENCY,
    VOXCELEB_TRAINER_MIX,
    WESPEAKER_MIX,
    open_files,
    open_shards,
    open_store,
)
from rates import Open, Rate, rates_in_turns

SECONDS, BATCH_SIZE, WORKERS = 2.0, 100, 2
FEATURE_THREADS = 2
"""Of the contestants that compute features alone."""
WANTED = 1.5
"""How many times as fast as the best of the others."""
SAMPLE_RATE = 16_000

FILES, SHARDS, STORE = "contravox, files", "contravox, shards", "contravox, store"
WESPEAKER_RAW, WESPEAKER_SHARDS = "WeSpeaker, raw", "WeSpeaker, shards"
VOXCELEB_TRAINER = "voxceleb_trainer"


@dataclass(frozen=True)
class Target:
    """A contestant is to be so many times as fast as the best of some rivals."""

    contestant: str
    rivals: tuple[str, ...]
    times: float = WANTED

    def verdict(self, rates: dict[str, float]) -> str:
        """Say in a line whether it was."""
        best = max(self.rivals, key=rates.__getitem__)
        times = rates[self.contestant] / rates[best]
        reached = "yes" if times >= self.times else "no"
        return f"{self.contestant}: {times:.2f}× {best}, wanted {self.times:g}×: {reached}"


def files_question(corpus: Corpus) -> tuple[dict[str, Open], list[Target]]:
    """Files to features without augmentation."""
    how: dict[str, Any] = {
        "corpus": corpus,
        "seconds": SECONDS,
        "batch_size": BATCH_SIZE,
        "workers": WORKERS,
    }
    rivals: dict[str, Open] = {
        WESPEAKER_RAW: partial(open_wespeaker_raw, **how),
        WESPEAKER_SHARDS: partial(open_wespeaker_shards, **how),
        VOXCELEB_TRAINER: partial(open_voxceleb_trainer, **how),
    }
    ours: dict[str, Open] = {
        FILES: partial(open_files, **how),
        SHARDS: partial(open_shards, **how),
        STORE: partial(open_store, **how),
        f"{STORE}, a request at a time": partial(open_store, readers=1, **how),
    }
    return ours | rivals, [Target(name, tuple(rivals)) for name in (FILES, SHARDS)]


def augmented_question(corpus: Corpus) -> tuple[dict[str, Open], list[Target]]:
    """Files to features, augmented as each of the others does."""
    how: dict[str, Any] = {
        "corpus": corpus,
        "seconds": SECONDS,
        "batch_size": BATCH_SIZE,
        "workers": WORKERS,
    }
    as_wespeaker, as_trainer = f"as {WESPEAKER_RAW.split(',')[0]}", f"as {VOXCELEB_TRAINER}"
    contestants: dict[str, Open] = {
        WESPEAKER_RAW: partial(open_wespeaker_raw, mix=True, **how),
        WESPEAKER_SHARDS: partial(open_wespeaker_shards, mix=True, **how),
        VOXCELEB_TRAINER: partial(open_voxceleb_trainer, mix=True, **how),
    }
    targets = []
    for mix, label, rivals in (
        (WESPEAKER_MIX, as_wespeaker, (WESPEAKER_RAW, WESPEAKER_SHARDS)),
        (VOXCELEB_TRAINER_MIX, as_trainer, (VOXCELEB_TRAINER,)),
    ):
        for name, opener in ((FILES, open_files), (SHARDS, open_shards)):
            contestants[f"{name}, {label}"] = partial(opener, mix=mix, **how)
            targets.append(Target(f"{name}, {label}", rivals))
    return contestants, targets


def equal_lengths(size: int) -> tuple[Tensor, Tensor]:
    """Waveforms (N, samples) of 3 s and their lengths (N,)."""
    return 0.1 * torch.randn(size, 3 * SAMPLE_RATE), torch.full((size,), 3 * SAMPLE_RATE)


def mixed_lengths(size: int) -> tuple[Tensor, Tensor]:
    """Waveforms of 2 to 12 s, padded with zeros, in no order."""
    lengths = torch.linspace(2.0, 12.0, size).mul(SAMPLE_RATE).long()[torch.randperm(size)]
    padded = 0.1 * torch.randn(size, int(lengths.max()))
    return padded * (torch.arange(padded.shape[1]) < lengths[:, None]), lengths


@functools.cache
def _own_filter_bank() -> LogMelFilterbank:
    return LogMelFilterbank(FeatureSettings(normalisation="none"))


@torch.inference_mode()
def own_features(waveforms: Tensor, lengths: Tensor) -> None:
    """contravox's, of the batch."""
    _own_filter_bank()(waveforms, lengths)


@torch.inference_mode()
def plain_features(waveforms: Tensor, lengths: Tensor) -> None:
    """Plain PyTorch's, one by one."""
    for waveform, length in zip(waveforms, lengths.tolist(), strict=True):
        plain_filter_bank(waveform[:length])


@torch.inference_mode()
def native_features(waveforms: Tensor, lengths: Tensor) -> None:
    """kaldi-native-fbank's, one by one."""
    for waveform, length in zip(waveforms.numpy(), lengths.tolist(), strict=True):
        native_filter_bank(waveform[:length])


def features_rates(repeats: int) -> tuple[dict[str, Rate], list[Target]]:
    """Seconds of audio per second."""
    rivals: dict[str, Loss] = {
        "plain PyTorch, one by one": plain_features,
        "kaldi-native-fbank, one by one": native_features,
    }
    losses = {"contravox, batched": own_features} | rivals
    rates: dict[str, Rate] = {}
    targets = []
    for label, make_inputs, size in (
        ("equal lengths", equal_lengths, 32),
        ("mixed lengths", mixed_lengths, 25),
    ):
        seconds = int(make_inputs(size)[1].sum()) / SAMPLE_RATE
        results = measure_in_turns(
            losses, make_inputs, size, device="cpu", threads=FEATURE_THREADS, repeats=repeats
        )
        for name, result in results.items():
            if not isinstance(result, Measurement):
                raise RuntimeError(f"{name} {result.reason}")
            rates[f"{name}, {label}"] = Rate(tuple(seconds / turn for turn in result.seconds))
        own, *others = (f"{name}, {label}" for name in losses)
        targets.append(Target(own, tuple(others), 1.0))
    names = [name for name in rates if name.startswith("contravox")]
    targets.append(Target(names[1], (names[0],), 0.1))
    return rates, targets


def render(
    title: str, unit: str, rates: dict[str, Rate], targets: Sequence[Target], console: Console
) -> None:
    """Print a question's table and what was reached."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    table.add_column("Contestant", no_wrap=True)
    for column in (f"Median\n({unit})", f"Best\n({unit})"):
        table.add_column(column, justify="right")
    table.add_column("All processors\n(ms each)", justify="right")
    for name, rate in rates.items():
        processor = f"{statistics.median(rate.processor):.2f}" if rate.processor else "–"
        table.add_row(name, f"{rate.median:,.0f}", f"{rate.best:,.0f}", processor)
    medians = {name: rate.median for name, rate in rates.items()}
    verdicts = [target.verdict(medians) for target in targets]
    console.print(table, *verdicts, "", sep="\n", highlight=False)


def parse_arguments() -> argparse.Namespace:
    """What the user asks for."""
    parser = argparse.ArgumentParser(description="Loading and features beside other people's.")
    names = ["files", "augmented", "features"]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="these questions")
    parser.add_argument("--repeats", type=int, default=5, help="turns of every contestant (5)")
    parser.add_argument("--json", type=Path, help="also write every turn here")
    return parser.parse_args()


def main() -> None:
    """Ask every question that was asked for."""
    arguments = parse_arguments()
    # In the environment, from which every contestant has it: without this, threads that wait take
    # the cores from the workers, at a time one contestant's and at a time another's.
    tune_process()
    console = Console()
    console.width = max(console.width, 100)
    cpu = f"CPU with {torch.backends.cpu.get_cpu_capability()}"
    console.print(f"{cpu}, {WORKERS} workers, PyTorch {torch.__version__}\n", highlight=False)
    records: dict[str, Any] = {}
    if "features" in arguments.only:
        rates, targets = features_rates(arguments.repeats)
        render("Features alone", "audio s/s", rates, targets, console)
        records["features"] = {name: asdict(rate) for name, rate in rates.items()}
    loading = [name for name in ("files", "augmented") if name in arguments.only]
    if loading:
        with tempfile.TemporaryDirectory() as folder:
            corpus = make_corpus(Path(folder))
            for name in loading:
                question = files_question if name == "files" else augmented_question
                contestants, targets = question(corpus)
                title = f"{UTTERANCES:,} files to {SECONDS:g}-s segments to features"
                if name == "augmented":
                    title += ", augmented"
                elif name == "files":
                    title += f" (store: {1000 * LATENCY:.0f} ms a request)"
                with progress_bar(name) as report:
                    rates = rates_in_turns(
                        contestants, threads=1, repeats=arguments.repeats, progress=report
                    )
                render(title, "segments/s", rates, targets, console)
                records[name] = {name: asdict(rate) for name, rate in rates.items()}
    if arguments.json is not None:
        write_text(arguments.json, json.dumps(records, indent=1))


if __name__ == "__main__":
    main()

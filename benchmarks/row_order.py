"""What batch normalisation gives away where a chunk of a batch holds whole speakers.

    python benchmarks/row_order.py RUN [KEY=VALUE ...] [--batches 20] [--chunks 8 16 32]

RUN is the folder of a training, whose checkpoint is the model. Its losses are computed on the same
batches, each in chunks of rows in the order of speakers, and of rows as the sampler orders them. A
KEY=VALUE changes its recipe, such as sampler.utterances=4.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor

from contravox.data.batch import Batch
from contravox.data.dataset import collate
from contravox.training.checkpoint import NAME as CHECKPOINT
from contravox.training.recipe import Recipe
from contravox.training.training_module import TrainingModule
from contravox.training.training_set import TrainingSet


def main() -> None:
    """Read the options, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--chunks", type=int, nargs="+", default=[8, 16, 32])
    arguments = parser.parse_args()
    recipe = Recipe.read(arguments.run / "recipe.yaml", arguments.overrides)
    corpus = TrainingSet.read(recipe)
    module = TrainingModule(recipe, corpus.classes)
    state = torch.load(arguments.run / CHECKPOINT, map_location="cpu", weights_only=True)
    module.load_state_dict(state["system"])
    module.train()
    requests = [batch for epoch in range(100) for batch in corpus.sampler.batches(epoch)]
    batches = [
        collate([corpus.dataset[request] for request in batch]).mixed_on(torch.device("cpu"))
        for batch in requests[: arguments.batches]
    ]
    found = losses_by_order(module, batches, arguments.chunks)
    Console().print(table_of(found, recipe.sampler.batch_size))


def losses_by_order(
    module: TrainingModule, batches: Sequence[Batch], chunks: Sequence[int]
) -> dict[int, dict[str, list[tuple[float, float]]]]:
    """By the size of a chunk and the loss: of rows in the order of speakers, and as they come."""
    found: dict[int, dict[str, list[tuple[float, float]]]] = {}
    for size in (*chunks, len(batches[0].labels)):
        module.chunk_size = size
        found[size] = defaultdict(list)
        for batch in batches:
            by_speaker = batch.labels.argsort(stable=True)
            ordered, random = (
                losses_of(module, each) for each in (batch_of(batch, by_speaker), batch)
            )
            for name in random:
                found[size][name].append((ordered[name], random[name]))
    return found


def batch_of(batch: Batch, rows: Tensor) -> Batch:
    """Some rows of a batch."""
    parts = batch._asdict().items()
    return batch._replace(**{name: part[rows] for name, part in parts if part is not None})


def losses_of(module: TrainingModule, batch: Batch) -> dict[str, float]:
    """Each objective's loss of a batch."""
    return {name: loss.item() for name, loss in module(batch).losses.items()}


def table_of(found: dict[int, dict[str, list[tuple[float, float]]]], batch_size: int) -> Table:
    """The losses of both orders as a table."""
    table = Table(box=SIMPLE_HEAD, title=f"{batch_size} segments")
    for column in ("Chunk", "Loss", "Whole speakers", "Random", "Difference"):
        table.add_column(column, justify="left" if column == "Loss" else "right")
    for size, losses in found.items():
        for name, pairs in losses.items():
            ordered, random = zip(*pairs, strict=True)
            difference = [one - other for one, other in pairs]
            deviation = stdev(difference) if len(pairs) > 1 else 0.0
            table.add_row(
                str(size),
                name,
                f"{fmean(ordered):.3f}",
                f"{fmean(random):.3f}",
                f"{fmean(difference):+.3f} ± {deviation:.3f}",
            )
    return table


if __name__ == "__main__":
    main()

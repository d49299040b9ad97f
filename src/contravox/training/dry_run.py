"""One step of a recipe at its true sizes, on generated audio: whether it runs, what it takes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from contravox.audio.waveform import SAMPLE_RATE
from contravox.data.batch import Batch
from contravox.data.sampling import Sampler, SegmentRequest
from contravox.errors import RecipeError
from contravox.training.epoch import CorpusInEpoch, corpora_in_epoch
from contravox.training.optimiser import make_optimiser
from contravox.training.processes import check_recipe_of_processes, join_processes, leads, share_of
from contravox.training.recipe import Recipe
from contravox.training.size import check_size
from contravox.training.start import start_module
from contravox.training.supervision import check_supervision
from contravox.training.training_set import TrainingSet

LEFT_OUT = (
    ("data", "validation_trials"),
    ("augmentation", "noises"),
    ("augmentation", "rooms"),
    ("training", "initial_model"),
    ("training", "initial_objectives"),
    ("training", "initial_run"),
)
"""Files of a recipe without which a step can still be tried."""

STATUS = Path("/proc/self/status")
FORGET = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class DryRun:
    """What one step took.

    encoder_parameters: trained numbers in the encoder; training_parameters: in what only training
    needs. batch: segments in a step, of all processes. peak_memory: bytes of this process, in
    training from the weights up, or None where the system does not say. seconds: of this step,
    the first, which on a GPU is slower than those after it. absent: files that are not there and
    were left out. corpora: what an epoch holds of each; empty where the manifests are not there.
    """

    device: str
    encoder_parameters: int
    training_parameters: int
    batch: int
    segment_seconds: float
    steps_per_epoch: int
    steps: int
    peak_memory: int | None
    seconds: float
    absent: tuple[str, ...]
    corpora: dict[str, CorpusInEpoch]


def dry_run(recipe: Recipe, *, progress: Callable[[int, int], None] = lambda *_: None) -> DryRun:
    """Build everything of a recipe and take one step: forward, backward, optimiser.

    Where the recipe's manifests are, sizes are theirs; otherwise those that the recipe states in
    data.speakers and data.utterances.

    progress: called with the segments encoded and in all.

    Raises RecipeError where recipe and corpus do not fit, or no size is known; ManifestError.
    """
    fabric = join_processes(recipe)
    check_recipe_of_processes(recipe, fabric)
    recipe, absent = _without_absent(recipe)
    there = all(path.is_file() for path in recipe.data.manifest)
    corpus = TrainingSet.read(recipe) if there else None
    rows, classes = (len(corpus.dataset), corpus.classes) if corpus else _stated_size(recipe)
    check_size(recipe, rows, classes, fabric)
    sampler = corpus.sampler if corpus else Sampler(recipe.sampler, _labels(recipe, rows, classes))
    absent += [str(path) for path in recipe.data.manifest if not path.is_file()]
    batches = sampler.batches(0)
    if leads():
        check_supervision(recipe, batches, sampler.labels)
    batch = _generated(share_of(batches[0], fabric), sampler.labels, recipe.data.segment_seconds)
    steps_per_epoch = len(batches)
    corpora = corpora_in_epoch(corpus, batches) if corpus else {}
    del batches

    memory = PeakMemory(fabric.device)
    module, _ = start_module(recipe, int(sampler.labels.max()) + 1, corpus)
    encoder_parameters = module.model.parameter_count
    parameters = sum(each.numel() for each in module.parameters() if each.requires_grad)
    _count_rows(module.model.encoder, len(batch.labels), progress)
    trained, optimiser = fabric.setup(
        module, make_optimiser(module.parameter_groups, recipe.training.optimiser)
    )
    trained.train()
    batch = batch.to(fabric.device)
    started = time.perf_counter()
    fabric.backward(trained(batch, _targets(recipe, corpus, batch)).loss)
    optimiser.step()
    if fabric.device.type == "cuda":
        torch.cuda.synchronize()
    return DryRun(
        device=str(fabric.device),
        encoder_parameters=encoder_parameters,
        training_parameters=parameters - encoder_parameters,
        batch=recipe.sampler.batch_size,
        segment_seconds=recipe.data.segment_seconds,
        steps_per_epoch=steps_per_epoch,
        steps=steps_per_epoch * recipe.training.epochs,
        seconds=time.perf_counter() - started,
        peak_memory=memory.bytes(),
        absent=tuple(absent),
        corpora=corpora,
    )


def _without_absent(recipe: Recipe) -> tuple[Recipe, list[str]]:
    """The recipe without the files that are not there, and which they are."""
    raw = recipe.model_dump()
    absent = []
    for group, key in LEFT_OUT:
        named = (raw[group] or {}).get(key)
        paths = named if isinstance(named, tuple) else (named,)
        gone = [str(path) for path in paths if path is not None and not Path(path).exists()]
        if gone:
            raw[group][key] = None
            absent += gone
    return Recipe.model_validate(raw), absent


def _stated_size(recipe: Recipe) -> tuple[int, int]:
    """Utterances and classes that the recipe states, those of other speeds included."""
    data = recipe.data
    if data.utterances is None or (data.speakers is None and data.labels == "speaker"):
        raise RecipeError(
            f"{', '.join(map(str, data.manifest))}: not there, and the recipe does not say how "
            "large: prepare it, or set data.speakers and data.utterances"
        )
    classes = data.utterances if data.labels == "utterance" else data.speakers
    assert classes is not None
    copies = 1 + len(data.speeds)
    return copies * data.utterances, copies * classes


def _labels(recipe: Recipe, rows: int, classes: int) -> NDArray[np.int64]:
    """Labels (rows,) of as many utterances of each class of a speed."""
    copies = 1 + len(recipe.data.speeds)
    labels = np.arange(rows // copies) % (classes // copies)
    return np.concatenate([labels + classes // copies * copy for copy in range(copies)])


def _generated(
    requests: Sequence[SegmentRequest], labels: NDArray[np.int64], seconds: float
) -> Batch:
    """A batch of noise, for the segments that a sampler asks for."""
    samples = round(seconds * SAMPLE_RATE)
    rows = torch.tensor([request.utterance for request in requests])
    return Batch(
        waveforms=0.1 * torch.randn(len(rows), samples),
        lengths=torch.full((len(rows),), samples),
        labels=torch.from_numpy(labels)[rows],
        utterances=rows,
        views=torch.tensor([request.view for request in requests]),
    )


def _targets(recipe: Recipe, corpus: TrainingSet | None, batch: Batch) -> torch.Tensor | None:
    """A teacher's embeddings of the batch; where that is not there, as ``start_module`` says."""
    if corpus is not None:
        return corpus.targets_of(batch)
    if not recipe.data.has_teacher:
        return None
    return torch.randn(len(batch.labels), recipe.encoder.embedding_size).to(batch.labels.device)


def _count_rows(encoder: nn.Module, total: int, progress: Callable[[int, int], None]) -> None:
    """Report the segments that the encoder has seen for the first time."""
    done = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: object) -> None:
        nonlocal done
        done = min(done + len(inputs[0]), total)
        progress(done, total)

    encoder.register_forward_hook(count)


class PeakMemory:
    """How much memory is needed at most from its making on.

    What torch allocates on a GPU, or else by how much the process grows.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        self.before = self._peak(forget=True)

    def bytes(self) -> int | None:
        """The highest so far beyond what there was before; None where the system does not say."""
        peak = self._peak()
        return None if peak is None or self.before is None else peak - self.before

    def _peak(self, *, forget: bool = False) -> int | None:
        if self.device.type == "cuda":
            if forget:
                return torch.cuda.memory_allocated(self.device)
            return torch.cuda.max_memory_allocated(self.device)
        try:
            if forget:
                # 5 sets the peak to what is resident now (Linux: proc(5)).
                FORGET.write_text("5")
            lines = STATUS.read_text().splitlines()
        except OSError:
            return None
        [kibibytes] = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
        return 1024 * int(kibibytes)

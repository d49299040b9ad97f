"""The processes of a training run, one for each device."""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, distributed, nn

from contravox.errors import ContravoxError, RecipeError, TrainingError, TrainingWarning
from contravox.objectives.multiscale import MultiscaleSettings
from contravox.training.autocast import Autocast
from contravox.training.recipe import Recipe

Request = TypeVar("Request")
Item = TypeVar("Item")


def leads() -> bool:
    """Whether this is the process that writes and reports: of those torchrun started, the first."""
    return _from_torchrun("RANK", "0") == "0"


def restarted() -> bool:
    """Whether torchrun started this process in place of one that failed (``--max-restarts``)."""
    count = os.environ.get("TORCHELASTIC_RESTART_COUNT", "")
    return distributed.is_torchelastic_launched() and count.isdecimal() and int(count) > 0


def warn_of_shared_store() -> None:
    """Warn where the machines that torchrun starts anew could wait for each other for ever.

    In some releases of PyTorch (2.13 is one) a machine keeps the address at which the processes
    met, though another comes to lead when one fails, and both sides wait. Where torchrun is told
    not to share its store, every start has an address of its own.
    """
    if (
        leads()
        and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        and _from_torchrun("GROUP_WORLD_SIZE", "1") != "1"
        and _from_torchrun("TORCHELASTIC_MAX_RESTARTS", "0") != "0"
    ):
        warnings.warn(
            "after the death of a process torchrun's machines may wait for each other for ever: "
            "set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 for torchrun on each",
            TrainingWarning,
            stacklevel=2,
        )


def join_processes(recipe: Recipe) -> Fabric:
    """The processes that torchrun started, or this one alone, on GPUs where there are any."""
    warn_of_shared_store()
    # It greets from every process.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    precision = recipe.training.precision
    device = "cuda" if torch.cuda.is_available() else "cpu"
    mixed = [] if precision == "32-true" else [Autocast(precision, device)]
    count = int(_from_torchrun("WORLD_SIZE", "1"))
    if count == 1:
        # It would take a job of Slurm for several processes; here torchrun alone starts those.
        alone = LightningEnvironment()
        return Fabric(accelerator="auto", devices=1, plugins=[alone, *mixed])
    devices = int(_from_torchrun("LOCAL_WORLD_SIZE", "1"))
    # What the encoder does after its maps has then no gradient, for which others would wait.
    on_maps_alone = all(isinstance(each, MultiscaleSettings) for each in recipe.objectives.values())
    fabric = Fabric(
        accelerator="auto",
        strategy=DDPStrategy(find_unused_parameters=on_maps_alone),
        devices=devices,
        num_nodes=count // devices,
        plugins=[TorchElasticEnvironment(), *mixed],
    )
    with processes_that_live():
        fabric.launch()
    return fabric


def _from_torchrun(name: str, alone: str) -> str:
    """A number that torchrun sets; clusters set the same ones for ends of their own."""
    if not distributed.is_torchelastic_launched():
        return alone
    value = os.environ.get(name, "")
    if not value.isdecimal():
        raise TrainingError(
            f"{name} is {value!r} in the environment, which torchrun would set to a number: start "
            "with torchrun, or unset TORCHELASTIC_RUN_ID"
        )
    return value


def check_recipe_of_processes(recipe: Recipe, fabric: Fabric) -> None:
    """Raise RecipeError where the processes cannot train this recipe together."""
    count, size = fabric.world_size, recipe.sampler.batch_size
    if size % count:
        raise RecipeError(
            f"sampler: {count} processes cannot share a batch of {size} segments equally: "
            f"set it so that {count} divides it"
        )
    if recipe.training.sync_batchnorm and count > 1 and fabric.device.type == "cpu":
        raise RecipeError(
            "training.sync_batchnorm: torch synchronises batch normalisation on GPUs only: "
            "set it to false"
        )


@contextmanager
def errors_of_any(fabric: Fabric) -> Iterator[None]:
    """What a process does by itself: an error of one is raised in all, once all are done.

    All must enter. Otherwise those without the error would wait for the one that left, and
    torchrun would end the one that still says why.
    """
    own: ContravoxError | None = None
    try:
        yield
    except ContravoxError as error:
        if fabric.world_size == 1:
            raise
        own = error
    if any_of(own is not None, fabric):
        errors: list[ContravoxError | None] = [None] * fabric.world_size
        distributed.all_gather_object(errors, own)
        raise own or next(error for error in errors if error is not None)


@contextmanager
def processes_that_live() -> Iterator[None]:
    """Say what helps where another process is gone, at whatever line that is found.

    Raises TrainingError.
    """
    try:
        yield
    except RuntimeError as error:
        # NCCL's errors have a class of their own; gloo's name the line of its source.
        if not isinstance(error, distributed.DistError) and "gloo" not in str(error):
            raise
        raise TrainingError(
            "another process of the training ended, or its machine does not answer: see what that "
            "one says, and go on with --resume; torchrun --max-restarts 6 does so by itself"
        ) from error


def share_of(batch: Sequence[Request], fabric: Fabric) -> list[Request]:
    """What this process reads of a batch: one of the equal parts of its requests."""
    size = len(batch) // fabric.world_size
    return list(batch[fabric.global_rank * size : (fabric.global_rank + 1) * size])


def synchronise_batchnorm(module: nn.Module) -> None:
    """Let batch normalisation take the statistics of all processes."""
    # It replaces the layers within; only of a layer alone would it return another.
    nn.SyncBatchNorm.convert_sync_batchnorm(module)


def mean_of(numbers: Tensor, fabric: Fabric) -> Tensor:
    """The mean of the numbers over processes, the same in all."""
    if fabric.world_size == 1:
        return numbers
    total = numbers.clone()
    distributed.all_reduce(total)
    return total / fabric.world_size


def any_of(flag: bool, fabric: Fabric) -> bool:
    """Whether the flag is set in any process; the same answer in all."""
    if fabric.world_size == 1:
        return flag
    return bool(mean_of(torch.tensor(float(flag), device=fabric.device), fabric) > 0)


def union_of(found: Sequence[Item], fabric: Fabric) -> list[Item]:
    """What any process found, in the order of processes; the same in all."""
    if not any_of(bool(found), fabric):
        return []
    if fabric.world_size == 1:
        return list(found)
    everywhere: list[Sequence[Item]] = [()] * fabric.world_size
    distributed.all_gather_object(everywhere, list(found))
    return [item for each in everywhere for item in each]


RandomState = dict[str, Tensor]


def random_states() -> list[RandomState]:
    """The state of torch's random numbers in every process, in their order. All must call it."""
    own = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        own["cuda"] = torch.cuda.get_rng_state()
    if not distributed.is_initialized():
        return [own]
    states: list[RandomState] = [{}] * distributed.get_world_size()
    distributed.all_gather_object(states, own)
    return states


def restore_random_state(states: Sequence[RandomState]) -> None:
    """Put this process's state back. A process more than there were goes on with its own."""
    rank = distributed.get_rank() if distributed.is_initialized() else 0
    if rank < len(states):
        torch.set_rng_state(states[rank]["cpu"])
        if "cuda" in states[rank] and torch.cuda.is_available():
            torch.cuda.set_rng_state(states[rank]["cuda"])

"""The processes of a training run, one for each device."""

import os
from collections.abc import Sequence
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from torch import Tensor, distributed, nn

from contravox.errors import RecipeError
from contravox.training.recipe import Recipe

Request = TypeVar("Request")


def join_processes(recipe: Recipe) -> Fabric:
    """The processes that torchrun started, or this one alone, on GPUs where there are any.

    Raises RecipeError where they cannot train this recipe together.
    """
    precision = recipe.training.precision
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Fabric(accelerator="auto", devices=1, precision=precision)
    size = recipe.sampler.batch_size
    if size % count:
        raise RecipeError(
            f"sampler: {count} processes cannot share a batch of {size} segments equally: "
            f"set it so that {count} divides it"
        )
    devices = int(os.environ["LOCAL_WORLD_SIZE"])
    fabric = Fabric(
        accelerator="auto",
        strategy="ddp",
        devices=devices,
        num_nodes=count // devices,
        precision=precision,
    )
    if recipe.training.sync_batchnorm and fabric.device.type == "cpu":
        raise RecipeError(
            "training.sync_batchnorm: torch synchronises batch normalisation on GPUs only: "
            "set it to false"
        )
    fabric.launch()
    return fabric


def share_of(batch: Sequence[Request], fabric: Fabric) -> list[Request]:
    """What this process reads of a batch: one of the equal parts of its requests."""
    size = len(batch) // fabric.world_size
    return list(batch[fabric.global_rank * size : (fabric.global_rank + 1) * size])


def synchronise_batchnorm(system: nn.Module) -> None:
    """Let batch normalisation take the statistics of all processes."""
    # It replaces the layers within; only of a layer alone would it return another.
    nn.SyncBatchNorm.convert_sync_batchnorm(system)


def mean_of(numbers: Tensor, fabric: Fabric) -> Tensor:
    """The mean of the numbers over processes, the same in all."""
    if fabric.world_size > 1:
        distributed.all_reduce(numbers)
    return numbers / fabric.world_size


def any_of(flag: bool, fabric: Fabric) -> bool:
    """Whether the flag is set in any process; the same answer in all."""
    return bool(mean_of(torch.tensor(float(flag), device=fabric.device), fabric) > 0)


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

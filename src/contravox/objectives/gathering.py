"""Rows of all processes together, so that segments contrast with those of other processes."""

from typing import Any

import torch
from torch import Tensor, distributed


def gather(rows: Tensor) -> Tensor:
    """The rows (n, ...) of every process, first those of the first: (processes·n, ...).

    All processes hold equally many rows. Of one process alone, the rows as they are.

    What follows is then the same whole loss on every process, and the gradient of a process's own
    rows is complete without the others. It is multiplied by the number of processes, by which
    DistributedDataParallel divides when it averages the gradients of the weights.
    """
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        return rows
    return _Gather.apply(rows)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        processes = distributed.get_world_size()
        return processes * gradient.chunk(processes)[distributed.get_rank()]

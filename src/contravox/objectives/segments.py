"""What objectives see of a batch."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed

from contravox.errors import RecipeError


class Segments(NamedTuple):
    """N segments of a batch, one row each.

    embeddings: (N, d) float32, not normalised.
    labels, views: (N,) int64, as in the batch.
    map_vectors: for each objective on feature maps, by its name, a vector (N, head_size) of every
    map it looks at.
    targets: (N, t) float32, what a teacher makes of each segment's whole utterance.
    """

    embeddings: Tensor
    labels: Tensor
    views: Tensor
    map_vectors: Mapping[str, tuple[Tensor, ...]] = {}
    targets: Tensor | None = None

    def gathered(self) -> "Segments":
        """The segments of all processes."""
        return Segments(
            gather(self.embeddings),
            gather(self.labels),
            gather(self.views),
            {name: tuple(map(gather, of_maps)) for name, of_maps in self.map_vectors.items()},
            None if self.targets is None else gather(self.targets),
        )

    def by_view(self, *, least: int = 1, most: int | None = None) -> Tensor:
        """The embeddings as (labels, views, d).

        In the order of the labels, and the segments of a label in the order of their views.

        Raises RecipeError if labels have unequal numbers of segments, fewer than ``least`` or more
        than ``most``.
        """
        counts = torch.unique(self.labels, return_counts=True)[1]
        fewest, size = (int(count) for count in counts.aminmax())
        if fewest != size:
            raise RecipeError(
                f"needs the same number of segments of every speaker, but a batch has {fewest} of "
                f"one and {size} of another: use a sampler that draws equally many of each"
            )
        if size < least or (most is not None and size > most):
            wanted = f"{least}" if most == least else f"at least {least}"
            raise RecipeError(
                f"needs {wanted} segments of every speaker, but a batch has {size}: "
                "set the sampler to draw so many"
            )
        order = self.views.argsort(stable=True)
        order = order[self.labels[order].argsort(stable=True)]
        return self.embeddings[order].reshape(len(counts), size, -1)


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

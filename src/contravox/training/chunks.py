"""A batch through the encoder in chunks, in the memory of one of them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

Result = TypeVar("Result")


def in_chunks(
    function: Callable[..., Result], rows: Sequence[Tensor], size: int, module: nn.Module
) -> list[Result]:
    """function(*rows) of tensors (N, ...), computed for at most ``size`` rows at a time.

    A chunk's activations are let go, and computed again when the backward pass reaches the chunk:
    GradCache (Gao et al. 2021, arXiv 2101.06983, section 3.2), by which a contrastive batch needs
    the memory of one chunk, and one more forward pass. Random numbers of torch are then those of
    the first pass. Batch normalisation in ``module`` takes its statistics from a chunk, and counts
    it once in its running ones.
    """
    count = -(-len(rows[0]) // size)
    return [
        checkpoint(function, *chunk, use_reentrant=False, context_fn=lambda: _passes(module))
        for chunk in zip(*(tensor.tensor_split(count) for tensor in rows), strict=True)
    ]


def _passes(module: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What the first pass of a chunk runs in, and every later one."""
    return nullcontext(), _RunningStatisticsKept(module)


class _RunningStatisticsKept(AbstractContextManager[None]):
    """Within, batch normalisation leaves its running statistics as they are.

    It is entered once for each gradient that is taken, so it is no generator.
    """

    def __init__(self, module: nn.Module) -> None:
        self.layers = [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]

    def __enter__(self) -> None:
        self.kept = [(layer.momentum, layer.num_batches_tracked) for layer in self.layers]
        for layer in self.layers:
            layer.momentum = 0.0
            if layer.num_batches_tracked is not None:
                layer.num_batches_tracked = layer.num_batches_tracked.clone()

    def __exit__(self, *_: object) -> None:
        for layer, (momentum, batches) in zip(self.layers, self.kept, strict=True):
            layer.momentum, layer.num_batches_tracked = momentum, batches

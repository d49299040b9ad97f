"""Batches as this process reads them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader

from contravox.data.batch import Batch
from contravox.data.dataset import Segment, SegmentDataset, collate
from contravox.data.sampling import SegmentRequest
from contravox.data.unmixed_batch import UnmixedBatch
from contravox.errors import ContravoxError
from contravox.training.interrupt import ignore_interrupts
from contravox.training.processes import errors_of_any, share_of


def read_batches(
    dataset: SegmentDataset,
    batches: Sequence[Sequence[SegmentRequest]],
    workers: int,
    fabric: Fabric,
) -> Iterator[Batch | UnmixedBatch]:
    """This process's share of each of the batches, read by so many processes ahead of time.

    Raises what reading raises in any of the processes that train.
    """
    loader: DataLoader[Segment] = DataLoader(
        dataset,
        batch_sampler=_Requests([share_of(batch, fabric) for batch in batches]),
        collate_fn=collate,
        num_workers=workers,
        worker_init_fn=ignore_interrupts,
        # Without its own, the loader would draw from the generator that dropout uses, and a
        # resumed epoch would draw once more than an uninterrupted one.
        generator=torch.Generator(),
        prefetch_factor=4 if workers else None,
    )
    read = iter(loader)
    for _ in batches:
        with errors_of_any(fabric), _plain_worker_errors():
            batch = next(read)
        yield batch


@contextmanager
def _plain_worker_errors() -> Iterator[None]:
    """A worker wraps its error in the whole traceback, whose last line is the error's own."""
    try:
        yield
    except ContravoxError as error:
        if "Traceback" not in str(error):
            raise
        raise type(error)(str(error).strip().splitlines()[-1].partition(": ")[2]) from None


class _Requests(torch.utils.data.Sampler[list[SegmentRequest]]):
    """Batches already drawn, as a DataLoader takes them."""

    def __init__(self, requests: list[list[SegmentRequest]]) -> None:
        self.requests = requests

    def __iter__(self) -> Iterator[list[SegmentRequest]]:
        return iter(self.requests)

    def __len__(self) -> int:
        return len(self.requests)

"""Batches as this process reads them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader

from contravox.data.batch import Batch
from contravox.data.dataset import Segment, SegmentDataset, Unreadable, collate
from contravox.data.pending_batch import PendingBatch
from contravox.data.sampling import SegmentRequest
from contravox.errors import ContravoxError, TrainingError
from contravox.training.interrupt import held_for_workers, ignore_interrupts
from contravox.training.left_out import LeftOut
from contravox.training.processes import errors_of_any, share_of, union_of


class _Read(NamedTuple):
    """batch: None where some of it could not be read; unreadable: what could not."""

    batch: Batch | PendingBatch | None
    unreadable: list[Unreadable]


def read_batches(
    dataset: SegmentDataset,
    batches: Sequence[Sequence[SegmentRequest]],
    left_out: LeftOut,
    workers: int,
    fabric: Fabric,
) -> Iterator[Batch | PendingBatch]:
    """This process's share of each of the batches, read by so many processes ahead of time.

    What is in a batch follows from its requests, from what was left out before it and from what of
    it cannot be read, whichever process finds that, and whatever was read ahead.

    Raises what reading raises in any of the processes that train; TrainingError where too much is
    left out.
    """
    planned = [left_out.replaced(batch) for batch in batches]
    loader: DataLoader[Segment] = DataLoader(
        dataset,
        batch_sampler=_Requests([share_of(batch, fabric) for batch in planned]),
        collate_fn=_collate,
        num_workers=workers,
        worker_init_fn=ignore_interrupts,
        # Without its own, the loader would draw from the generator that dropout uses, and a
        # resumed epoch would draw once more than an uninterrupted one.
        generator=torch.Generator(),
        prefetch_factor=4 if workers else None,
    )
    with held_for_workers():
        ahead = iter(loader)
    for batch, plan in zip(batches, planned, strict=True):
        with errors_of_any(fabric), _plain_worker_errors():
            read = next(ahead)
        while True:
            found = union_of(read.unreadable, fabric)
            if found:
                with errors_of_any(fabric):
                    left_out.note(found)
            wanted = left_out.replaced(batch)
            if wanted == plan:
                break
            plan = wanted
            with errors_of_any(fabric):
                read = _collate(dataset.__getitems__(share_of(plan, fabric)))
        assert read.batch is not None
        yield read.batch


def _collate(read: Sequence[Segment | Unreadable]) -> _Read:
    unreadable = [each for each in read if isinstance(each, Unreadable)]
    segments = [each for each in read if isinstance(each, Segment)]
    whole = all(each.utterance is None for each in unreadable)
    return _Read(collate(segments) if whole else None, unreadable)


@contextmanager
def _plain_worker_errors() -> Iterator[None]:
    """A worker wraps its error in the whole traceback, whose last line is the error's own."""
    try:
        yield
    except ContravoxError as error:
        if "Traceback" not in str(error):
            raise
        raise type(error)(str(error).strip().splitlines()[-1].partition(": ")[2]) from None


@contextmanager
def readers_that_live() -> Iterator[None]:
    """Say what helps where the system ended a process that reads, at whatever line that is found.

    Raises TrainingError.
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error) or "Traceback" in str(error):
            raise
        raise TrainingError(
            "a process that reads was killed, as systems do where memory ends: set data.workers "
            "lower, and go on with --resume"
        ) from error


class _Requests(torch.utils.data.Sampler[list[SegmentRequest]]):
    """Batches already drawn, as a DataLoader takes them."""

    def __init__(self, requests: list[list[SegmentRequest]]) -> None:
        self.requests = requests

    def __iter__(self) -> Iterator[list[SegmentRequest]]:
        return iter(self.requests)

    def __len__(self) -> int:
        return len(self.requests)

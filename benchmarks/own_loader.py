"""contravox's own way from files to features, as its training goes it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import numpy as np
import polars as pl
import torch
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from lightning_fabric import Fabric

from contravox.augmentation.augmentation import AugmentationSettings
from contravox.data import dataset as dataset_module
from contravox.data.dataset import SegmentDataset
from contravox.data.sampling import RandomUtterancesSettings, Sampler
from contravox.features import FeatureSettings, LogMelFilterbank
from contravox.manifest import Manifest
from contravox.training.left_out import LeftOut
from contravox.training.loader import read_batches
from loading_corpus import Corpus

LATENCY = 0.02
"""Seconds that the slow store takes to answer."""

# What the other loaders draw how often, from their code: see ``other_loaders``.
WESPEAKER_MIX = {"clean": 0.4, "noise": 0.3, "reverberation": 0.3, "both": 0.0}
VOXCELEB_TRAINER_MIX = {"clean": 0.2, "noise": 0.6, "reverberation": 0.2, "both": 0.0}


class SlowStore(LocalFileSystem):
    """This machine's files under ``slow://``, each request answered late."""

    protocol = "slow"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix("slow://"))

    def cat_file(self, path: str, *arguments: Any, **keywords: Any) -> bytes:
        time.sleep(LATENCY)
        return super().cat_file(path, *arguments, **keywords)


def open_files(corpus: Corpus, **how: Any) -> Callable[[], int]:
    """Plain files."""
    return _open(Manifest.read(corpus.manifest), corpus, **how)


def open_shards(corpus: Corpus, **how: Any) -> Callable[[], int]:
    """Shards on this machine."""
    return _open(Manifest.read(corpus.shards), corpus, **how)


def open_store(corpus: Corpus, *, readers: int | None = None, **how: Any) -> Callable[[], int]:
    """Shards in a slow store; ``readers``: requests that a worker makes at a time."""
    fsspec.register_implementation("slow", SlowStore, clobber=True)
    if readers is not None:
        dataset_module.READERS = readers
    table = Manifest.read(corpus.shards).table
    return _open(Manifest(table.with_columns(path="slow://" + pl.col("path"))), corpus, **how)


def _open(
    manifest: Manifest,
    corpus: Corpus,
    *,
    seconds: float,
    batch_size: int,
    workers: int,
    mix: dict[str, float] | None = None,
) -> Callable[[], int]:
    """What loads the corpus once, and returns how many segments that were.

    mix: how often each effect of AugmentationSettings is drawn; None for no augmentation.
    """
    augmentation = None
    if mix is not None:
        kinds = Manifest.read(corpus.noises).table["kind"]
        augmentation = AugmentationSettings(
            **mix,
            noises=corpus.noises,
            rooms=corpus.rooms,
            ambient=float((kinds == "noise").sum()),
            music=float((kinds == "music").sum()),
            babble=float((kinds == "speech").sum()),
        )
    labels = np.unique(manifest.table["speaker"].to_numpy(), return_inverse=True)[1]
    dataset = SegmentDataset(manifest, labels, seconds=seconds, augmentation=augmentation)
    sampler = Sampler(RandomUtterancesSettings(utterances=batch_size), dataset.labels)
    fabric = Fabric(accelerator="cpu", devices=1)
    left_out = LeftOut(
        manifest.table["utterance"], dataset.labels, share=0, listed=Path("none"), writes=False
    )
    filter_bank = LogMelFilterbank(FeatureSettings())
    epoch = -1

    def load() -> int:
        nonlocal epoch
        epoch += 1
        segments = 0
        with torch.inference_mode():
            batches = sampler.batches(epoch)
            for batch in read_batches(dataset, batches, left_out, workers, fabric):
                batch = batch.mixed_on(fabric.device)
                features, _ = filter_bank(batch.waveforms, batch.lengths)
                segments += len(features)
        return segments

    return load

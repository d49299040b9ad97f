"""Whether a recipe fits into this machine at all, before anything of that size is made."""

import os

import torch
from lightning_fabric import Fabric

from contravox.audio.waveform import SAMPLE_RATE
from contravox.data.sampling import SpeakersUtterancesSettings
from contravox.errors import RecipeError
from contravox.features import frame_count
from contravox.files.weights import without_numbers
from contravox.objectives import Objectives, Site
from contravox.training.recipe import Recipe

REQUEST_BYTES = 200
"""Of Python's objects for one segment of an epoch."""


def check_size(recipe: Recipe, rows: int, classes: int, fabric: Fabric) -> None:
    """Refuse what cannot be trained in this machine's memory.

    rows: utterances, those of other speeds included; classes: their distinct labels.

    Counted is what is needed in any case; layers' outputs come on top. Raises RecipeError, also
    where objectives and encoder do not fit together.
    """
    parameters = _parameters(recipe, classes)
    # Weights, gradients and what the optimiser remembers, in float32.
    copies = 3 if recipe.training.optimiser.name == "sgd" else 4
    batch = recipe.sampler.batch_size
    samples = round(recipe.data.segment_seconds * SAMPLE_RATE)
    read = -(-batch // fabric.world_size)
    encoded = min(read, recipe.training.chunk_size or read)
    floats = copies * parameters + read * samples
    floats += encoded * frame_count(samples) * recipe.features.bins
    if getattr(recipe.sampler, "positives", None) is not None:
        # Sums of embeddings of this epoch and of the one before.
        floats += 2 * classes * recipe.encoder.embedding_size
    sampler, utterances = recipe.sampler, rows
    if isinstance(sampler, SpeakersUtterancesSettings):
        # A speaker with too few utterances for a group fills it with the same ones.
        utterances = max(rows, classes * sampler.utterances)
    segments = max(utterances, batch) * sampler.segments
    needed = 4 * floats + REQUEST_BYTES * segments
    memory = _memory(fabric.device)
    if needed > memory:
        raise RecipeError(
            f"too large for this machine: {parameters:,} parameters, batches of {batch:,} segments "
            f"of {recipe.data.segment_seconds:g} s and {segments:,} segments an epoch need at "
            f"least {needed / 1e9:,.0f} GB, it has {memory / 1e9:,.0f}: lower the sizes of encoder "
            "or sampler, or data.segment_seconds"
        )


def _parameters(recipe: Recipe, classes: int) -> int:
    """How many numbers are trained."""
    with without_numbers():
        encoder = recipe.encoder.build(recipe.features.bins)
        size = encoder.embedding_size
        site = Site(size, encoder.map_channels, classes, target_size=size)
        objectives = Objectives(recipe.objectives, site)
    return sum(each.numel() for part in (encoder, objectives) for each in part.parameters())


def _memory(device: torch.device) -> int:
    """Bytes of this machine's memory, or of its GPU's where that is less."""
    bytes_ = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if device.type == "cuda":
        bytes_ = min(bytes_, torch.cuda.get_device_properties(device).total_memory)
    return bytes_

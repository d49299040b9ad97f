"""A student that begins as part of its teacher: every other layer of a CAM++.

Of each block of densely connected layers some are kept, and so are, between blocks, the channels
that what follows reads most of. Every linear layer is then fitted anew by least squares, one after
the other: from what reaches it in the student to what it put out in the teacher, on segments as
training draws them. That is how channels are pruned in He, Zhang and Sun 2017 (arXiv 1707.06168),
here of layers as well. Convolutions, gates and the front are the teacher's own.
"""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from contravox.audio.waveform import SAMPLE_RATE
from contravox.data.dataset import Segment, collate
from contravox.encoders import EncoderSettings
from contravox.encoders.cam_plus_plus import CamPlusPlus, DenseBlock, DenseLayer, PreNormLayer
from contravox.encoders.masking import frame_mask, masked_batch_norm
from contravox.model import Model, ModelSettings
from contravox.training.recipe import Recipe
from contravox.training.training_set import TrainingSet

SEGMENTS = 4096
"""That linear layers are fitted on."""
RIDGE = 1e-3
"""Of the mean power of a layer's inputs, added to each."""
LAST_RIDGE = 0.3
"""For the last, of one example a segment and not a frame: towards the teacher's weights."""
AT_ONCE = 32
"""Segments that go through a layer together."""


Segments = Iterable[tuple[Tensor, Tensor]]
"""Waveforms (n, samples), as many samples in all, and the lengths (n,) of what is valid."""


class _Speech(NamedTuple):
    """values: (N, channels, frames). mask: (N, frames), of frames that are valid."""

    values: Tensor
    mask: Tensor

    def through(self, module: nn.Module) -> Tensor:
        """What a module of values and mask puts out."""
        parts = zip(self.values.split(AT_ONCE), self.mask.split(AT_ONCE), strict=True)
        return torch.cat([module(values, mask) for values, mask in parts])

    def of(self, values: Tensor) -> "_Speech":
        """Other values of the same frames."""
        return _Speech(values, self.mask)

    def with_more(self, values: Tensor) -> "_Speech":
        """These channels, and others after them."""
        return self.of(torch.cat([self.values, values], dim=1))

    def frames(self, norm: nn.BatchNorm1d) -> Tensor:
        """(frames, channels) of what is valid, normalised and rectified."""
        return masked_batch_norm(norm, self.values, self.mask).relu_().movedim(1, -1)[self.mask]


def begin_student(path: Path, recipe: Recipe) -> Model:
    """The recipe's encoder as part of a teacher, fitted on segments that the recipe draws.

    path: of the teacher, which is a CAM++ in PyTorch.
    """
    return part_of(Model.load(path), recipe.encoder, _segments(recipe))


@torch.inference_mode()
def part_of(teacher: Model, settings: EncoderSettings, segments: Segments) -> Model:
    """A CAM++ of fewer layers than the teacher, fitted on segments."""
    teacher.eval()
    student = Model(ModelSettings(features=teacher.settings.features, encoder=settings)).eval()
    source, encoder = teacher.encoder, student.encoder
    assert isinstance(source, CamPlusPlus)
    assert isinstance(encoder, CamPlusPlus)
    for name in ("front", "first", "first_norm"):
        getattr(encoder, name).load_state_dict(getattr(source, name).state_dict())
    theirs, lengths = _first_frames(teacher, segments)
    ours, channels = theirs, torch.arange(theirs.values.shape[1])
    for block in range(len(source.blocks)):
        theirs, ours, channels = _fit_block(source, encoder, block, theirs, ours, channels)
    _fit_embedding(source, encoder, theirs, ours, channels, lengths)
    return student


def _first_frames(teacher: Model, segments: Segments) -> tuple[_Speech, Tensor]:
    """What the first frame layer puts out, the same in both; and valid frames of each segment."""
    encoder = teacher.encoder
    assert isinstance(encoder, CamPlusPlus)
    values, lengths = [], []
    for waveforms, samples in segments:
        features, count = teacher.features(waveforms, samples)
        _, stacked = encoder.front(features, count)
        count = (count - 1) // 2 + 1
        stacked = encoder.first(stacked)
        mask = frame_mask(count, stacked.shape[-1])
        values.append(masked_batch_norm(encoder.first_norm, stacked, mask).relu_())
        lengths.append(count)
    whole, counts = torch.cat(values), torch.cat(lengths)
    mask = torch.arange(whole.shape[-1]) < counts[:, None]
    return _Speech(whole, mask), counts


def _segments(recipe: Recipe) -> Segments:
    """Waveforms and lengths of segments as training draws them, of equal padding."""
    known = TrainingSet.read(recipe)
    requests = [each for batch in known.sampler.batches(0) for each in batch][:SEGMENTS]
    samples = round(recipe.data.segment_seconds * SAMPLE_RATE)
    whole = iter(requests)
    while some := list(islice(whole, AT_ONCE)):
        read = [each for each in known.dataset.__getitems__(some) if isinstance(each, Segment)]
        batch = collate(read).mixed_on(torch.device("cpu"))
        padding = samples - batch.waveforms.shape[1]
        yield functional.pad(batch.waveforms, (0, padding)), batch.lengths


def _fit_block(
    source: CamPlusPlus,
    encoder: CamPlusPlus,
    number: int,
    theirs: _Speech,
    ours: _Speech,
    channels: Tensor,
) -> tuple[_Speech, _Speech, Tensor]:
    """Fit a dense block, and the layer that halves its channels.

    channels: which of the teacher's the student's are. Returns what both pass on, and which of the
    teacher's channels the student then has.
    """
    block, fitted = _layers(source, number), _layers(encoder, number)
    first = theirs.values.shape[1]
    kept = np.linspace(0, len(block) - 1, len(fitted)).round().astype(int)
    copies = dict(zip(kept.tolist(), fitted, strict=True))
    for index, layer in enumerate(block):
        hidden = theirs.through(layer.bottleneck)
        if (copy := copies.get(index)) is not None:
            copy.load_state_dict(
                layer.state_dict()
                | {
                    "bottleneck.linear.weight": copy.bottleneck.linear.weight,
                    **_part(layer.bottleneck.norm, "bottleneck.norm.", channels),
                }
            )
            wanted = hidden.movedim(1, -1)[theirs.mask]
            off = _fit(copy.bottleneck.linear, ours.frames(copy.bottleneck.norm), wanted)
            copy.norm.running_mean += off
            ours = ours.with_more(ours.through(copy))
            added = layer.masking.local.out_channels
            channels = torch.cat([channels, first + index * added + torch.arange(added)])
        rectified = theirs.of(masked_batch_norm(layer.norm, hidden, theirs.mask).relu_())
        theirs = theirs.with_more(rectified.through(layer.masking))
    transition, halved = _transition(source, number), _transition(encoder, number)
    halved.norm.load_state_dict(_part(transition.norm, "", channels))
    theirs_next = theirs.of(theirs.through(transition))
    read = _how_much_is_read(source, number, theirs_next)
    passed = read.argsort(descending=True)[: halved.linear.out_channels].sort().values
    wanted = theirs_next.values[:, passed].movedim(1, -1)[theirs.mask]
    _fit(halved.linear, ours.frames(halved.norm), wanted)
    return theirs_next, ours.of(ours.through(halved)), passed


def _how_much_is_read(source: CamPlusPlus, number: int, speech: _Speech) -> Tensor:
    """(channels,) power with which each reaches what follows a block."""
    channels = speech.values.shape[1]
    if number + 1 == len(source.blocks):
        weights = source.embedding.weight.unflatten(1, (2, channels)).square().sum(dim=(0, 1))
        return weights * speech.values.movedim(1, -1)[speech.mask].var(dim=0)
    readers = [layer.bottleneck for layer in _layers(source, number + 1)]
    read = torch.zeros(channels)
    for each in (*readers, _transition(source, number + 1)):
        norm = nn.BatchNorm1d(channels).eval()
        norm.load_state_dict(_part(each.norm, "", torch.arange(channels)))
        weights = each.linear.weight[:, :channels, 0].square().sum(dim=0)
        read += weights * speech.frames(norm).var(dim=0)
    return read


def _fit_embedding(
    source: CamPlusPlus,
    encoder: CamPlusPlus,
    theirs: _Speech,
    ours: _Speech,
    channels: Tensor,
    lengths: Tensor,
) -> None:
    """Fit the last layer, and what of the mean it misses."""
    count = theirs.values.shape[1]
    encoder.last_norm.load_state_dict(_part(source.last_norm, "", channels))
    encoder.embedding_norm.load_state_dict(source.embedding_norm.state_dict())
    statistics = [
        each.pooling(masked_batch_norm(each.last_norm, speech.values, speech.mask).relu_(), lengths)
        for each, speech in ((source, theirs), (encoder, ours))
    ]
    wanted, inputs = source.embedding(statistics[0]), statistics[1]
    weights = source.embedding.weight[:, torch.cat([channels, count + channels])]
    missed = (wanted - wanted.mean(dim=0)) - (inputs - inputs.mean(dim=0)) @ weights.T
    weights = weights + _least_squares(inputs - inputs.mean(dim=0), missed, LAST_RIDGE)
    encoder.embedding.weight.copy_(weights)
    encoder.embedding_norm.running_mean += (inputs @ weights.T - wanted).mean(dim=0)


def _layers(encoder: CamPlusPlus, number: int) -> list[DenseLayer]:
    """Of a dense block."""
    block = encoder.blocks[number]
    assert isinstance(block, DenseBlock)
    return [each for each in block.layers if isinstance(each, DenseLayer)]


def _transition(encoder: CamPlusPlus, number: int) -> PreNormLayer:
    """The layer after a dense block."""
    layer = encoder.transitions[number]
    assert isinstance(layer, PreNormLayer)
    return layer


def _part(norm: nn.BatchNorm1d, prefix: str, channels: Tensor) -> dict[str, Tensor]:
    """Some channels of a batch normalisation."""
    return {
        prefix + name: values[channels] if values.ndim else values
        for name, values in norm.state_dict().items()
    }


def _fit(linear: nn.Conv1d, inputs: Tensor, wanted: Tensor) -> Tensor:
    """Give a linear layer of frames its weights; by how much their mean output is off."""
    weights = _least_squares(inputs, wanted, RIDGE)
    linear.weight.copy_(weights[:, :, None])
    return (inputs @ weights.T - wanted).mean(dim=0)


def _least_squares(inputs: Tensor, wanted: Tensor, ridge: float) -> Tensor:
    """W of which inputs · Wᵀ is nearest to what is wanted."""
    power = (inputs.T @ inputs).double()
    power += ridge * power.diagonal().mean() * torch.eye(len(power))
    return torch.linalg.solve(power, (inputs.T @ wanted).double()).T.float()

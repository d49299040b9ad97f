"""Model and objectives as one module, as a step sees them."""

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from contravox.augmentation.spec_augment import SpecAugment
from contravox.data.batch import Batch
from contravox.errors import TrainingError
from contravox.model import Model, ModelSettings
from contravox.objectives import Objectives, Segments, Site
from contravox.objectives.balance import Balance
from contravox.objectives.gradient_gate import GradientGate
from contravox.objectives.objectives import Gates
from contravox.precision import at_least_float32
from contravox.training.chunks import in_chunks
from contravox.training.recipe import Recipe


class Step(NamedTuple):
    """loss: the scalar to differentiate. losses, weights: what it was made of, scalars by name.

    shares: see ``Balanced``. embeddings: (N, d) of all processes' segments.
    """

    loss: Tensor
    losses: dict[str, Tensor]
    weights: dict[str, Tensor]
    shares: dict[str, Tensor]
    embeddings: Tensor


class _Encoded(NamedTuple):
    """What is kept of a chunk: see ``Segments``; shared as ``Balance`` takes it, (n, ...)."""

    embeddings: Tensor
    map_vectors: dict[str, tuple[Tensor, ...]]
    shared: Tensor


class TrainingModule(nn.Module):
    """Everything that training changes.

    classes: distinct labels of the training manifest. target_size: of a teacher's embeddings, if
    there is one.
    """

    def __init__(self, recipe: Recipe, classes: int, target_size: int | None = None) -> None:
        super().__init__()
        self.model = Model(
            ModelSettings(
                features=recipe.features,
                encoder=recipe.encoder,
                speech_only=recipe.data.speech_only,
            )
        )
        encoder = self.model.encoder
        size, channels = encoder.embedding_size, encoder.map_channels
        site = Site(size, channels, classes, target_size=target_size)
        self.objectives = Objectives(recipe.objectives, site)
        self.model.annotate(comparison=self.objectives.comparison)
        self.average = None
        if recipe.training.average is not None:
            average = get_ema_multi_avg_fn(recipe.training.average)
            # Buffers too: the statistics of batch normalisation belong to the weights.
            self.average = AveragedModel(self.model, multi_avg_fn=average, use_buffers=True)
            self.average.requires_grad_(False)
        self.balance = Balance(recipe.balance, self.objectives.weights)
        self.spec_augment = (
            SpecAugment(recipe.spec_augment) if recipe.spec_augment is not None else None
        )
        self.chunk_size = recipe.training.chunk_size
        self.own_statistics = recipe.training.batchnorm == "batch"

    def train(self, mode: bool = True) -> "TrainingModule":
        """Into training mode, or out of it; batch normalisation that keeps its statistics is not.

        Those that a batch has of its own are further from a trained model's than a step is long.
        """
        super().train(mode)
        if not self.own_statistics:
            for each in self.model.modules():
                if isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d | nn.SyncBatchNorm):
                    each.eval()
        return self

    @property
    def parameter_groups(self) -> list[dict[str, Any]]:
        """Everything that trains, as an optimiser takes it."""
        # Decay would draw the balance towards equal weights.
        balance = list(self.balance.parameters())
        trained = [each for each in self.parameters() if each.requires_grad]
        rest = [each for each in trained if all(each is not other for other in balance)]
        groups: list[dict[str, Any]] = [{"params": rest}]
        if balance:
            groups.append({"params": balance, "weight_decay": 0.0})
        return groups

    @property
    def result(self) -> Model:
        """The model to validate and keep: with its weights averaged, if they are."""
        if self.average is None:
            return self.model
        averaged = self.average.module
        assert isinstance(averaged, Model)
        averaged.settings = self.model.settings
        return averaged

    def average_weights(self) -> None:
        """Let the moving average follow the weights, once after each step.

        Ruppert and Polyak's averaging as an exponential moving average, for instance in Tarvainen
        and Valpola 2017 (arXiv 1703.01780).
        """
        if self.average is not None:
            self.average.update_parameters(self.model)

    @property
    def measures_cheaply(self) -> bool:
        """Whether the objectives' shares cost next to nothing.

        What they share is the embedding, or its gradients are needed anyway.
        """
        return self.balance.weighs_gradients or not self.objectives.reads_maps

    def forward(
        self, batch: Batch, targets: Tensor | None = None, *, measure: bool = False
    ) -> Step:
        """The loss of a batch; in several processes, of the batches of all of them.

        targets: (N, t), see ``Segments``. measure: take the objectives' shares even where it costs
        a backward pass for each.

        Balancing belongs here: outside, mixed precision hands out copies of the embeddings, with
        respect to which no loss has a gradient.

        Raises TrainingError for embeddings or gradients that are not finite.
        """
        rows = batch.waveforms, batch.lengths
        measure = measure or self.measures_cheaply
        gates = {name: GradientGate() for name in self.objectives.weights}
        encode = partial(self._encode, gates, measure)
        if self.chunk_size is None or len(batch.labels) <= self.chunk_size:
            chunks = [encode(*rows)]
        else:
            chunks = in_chunks(encode, rows, self.chunk_size, self)
        by_map = {
            name: zip(*(chunk.map_vectors[name] for chunk in chunks), strict=True)
            for name in chunks[0].map_vectors
        }
        segments = Segments(
            torch.cat([chunk.embeddings for chunk in chunks]),
            batch.labels,
            batch.views,
            {name: tuple(map(torch.cat, parts)) for name, parts in by_map.items()},
            targets,
        )
        everywhere = segments.gathered()
        if not everywhere.embeddings.isfinite().all():
            raise TrainingError("the encoder's embedding is not finite")
        losses = self.objectives(segments, everywhere, gates)
        shared = [chunk.shared for chunk in chunks]
        if not self.measures_cheaply:
            # Rows are in random order, so that a chunk stands for all.
            shared = shared[:1]
        balanced = self.balance(losses, shared, measure=measure)
        for name, gate in gates.items():
            gate.weight = balanced.gates[name]
        seen = everywhere.embeddings.detach()
        return Step(balanced.loss, losses, balanced.weights, balanced.shares, seen)

    def _encode(self, gates: Gates, measure: bool, waveforms: Tensor, lengths: Tensor) -> _Encoded:
        features, lengths = self.model.features(waveforms, lengths)
        if self.spec_augment is not None:
            features = self.spec_augment(features, lengths)
        output = self.model.encoder(features, lengths)
        # Half precision would lose the small gradients of a large batch between the losses.
        embeddings = at_least_float32(output.embedding)
        # Objectives on the feature maps never see the embedding: what they share is the stem.
        by_stem = measure and self.objectives.reads_maps
        shared = output.stem if by_stem else embeddings
        return _Encoded(embeddings, self.objectives.map_vectors(output.maps, gates), shared)

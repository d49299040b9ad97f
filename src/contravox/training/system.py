"""Model and objectives as one module, as a step sees them."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from contravox.balance import Balance
from contravox.data.batch import Batch
from contravox.model import Model, ModelSettings
from contravox.objectives import Objectives
from contravox.spec_augment import SpecAugment
from contravox.training.recipe import Recipe


class SystemOutput(NamedTuple):
    """losses, weights: scalars by the objective's name; the weights carry no gradient."""

    losses: dict[str, Tensor]
    weights: dict[str, Tensor]


class System(nn.Module):
    """Everything that training changes.

    classes: distinct labels of the training manifest.
    """

    def __init__(self, recipe: Recipe, classes: int) -> None:
        super().__init__()
        self.model = Model(ModelSettings(features=recipe.features, encoder=recipe.encoder))
        encoder = self.model.encoder
        self.objectives = Objectives(
            recipe.objectives, encoder.embedding_size, encoder.map_channels, classes
        )
        self.balance = Balance(
            recipe.balance, {name: each.weight for name, each in recipe.objectives.items()}
        )
        self.spec_augment = (
            SpecAugment(recipe.spec_augment) if recipe.spec_augment is not None else None
        )

    def forward(self, batch: Batch, generator: torch.Generator) -> SystemOutput:
        """The losses of a batch and their weights; ``generator`` draws SpecAugment's masks.

        Balancing belongs here: outside, mixed precision hands out copies of the embeddings, with
        respect to which no loss has a gradient.

        Raises TrainingError for a gradient that is not finite.
        """
        features, lengths = self.model.features(batch.waveforms, batch.lengths)
        if self.spec_augment is not None:
            features = self.spec_augment(features, lengths, generator)
        output = self.model.encoder(features, lengths)
        losses = self.objectives(output, batch)
        # Objectives on the feature maps never see the embedding: what all of them share is then
        # the first map, of which everything deeper is a function.
        on_maps = self.objectives.reads_maps
        shared = output.maps[0].values if on_maps else output.embedding
        return SystemOutput(losses, self.balance(losses, [shared]))

"""The objectives of a recipe, built together and computed together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from contravox.data.batch import Batch
from contravox.encoders.encoder import EncoderOutput
from contravox.errors import RecipeError
from contravox.objectives.aam_softmax import AamSoftmax, AamSoftmaxSettings
from contravox.objectives.am_softmax import AmSoftmax, AmSoftmaxSettings
from contravox.objectives.angular_contrastive import AngularContrastive, AngularContrastiveSettings
from contravox.objectives.classifier import Classifier
from contravox.objectives.contrast import build_contrast
from contravox.objectives.ge2e import Ge2e, Ge2eSettings
from contravox.objectives.multiscale import Multiscale, MultiscaleSettings
from contravox.objectives.nt_xent import NtXentSettings
from contravox.objectives.prototypical import (
    AngularPrototypical,
    AngularPrototypicalSettings,
    Prototypical,
    PrototypicalSettings,
)
from contravox.objectives.supcon import SupCon, SupConSettings
from contravox.objectives.triplet import TripletSettings
from contravox.objectives.uniformity import Uniformity, UniformitySettings

AnyObjectiveSettings = (
    AamSoftmaxSettings
    | AmSoftmaxSettings
    | SupConSettings
    | NtXentSettings
    | TripletSettings
    | MultiscaleSettings
    | UniformitySettings
    | AngularContrastiveSettings
    | AngularPrototypicalSettings
    | PrototypicalSettings
    | Ge2eSettings
)
ObjectiveSettings = Annotated[AnyObjectiveSettings, Field(discriminator="name")]


class Objectives(nn.Module):
    """Every objective of a recipe, by its name there.

    embedding_size and map_channels are the encoder's, classes the number of training speakers.
    Attention looks at the first classifier of the recipe.

    Raises RecipeError if there is no objective, a name cannot be one, or one cannot work with this
    encoder or without another objective.
    """

    def __init__(
        self,
        settings: Mapping[str, AnyObjectiveSettings],
        embedding_size: int,
        map_channels: Sequence[int],
        classes: int,
    ) -> None:
        super().__init__()
        if not settings:
            raise RecipeError("objectives: none is named: add one, such as aam_softmax")
        self.by_name = nn.ModuleDict()
        class_vectors: Callable[[], Tensor] | None = None
        # Classifiers first, whatever their place in the recipe: others look at them.
        for name, chosen in sorted(settings.items(), key=lambda item: not _is_classifier(item[1])):
            if not name.isidentifier() or hasattr(self.by_name, name):
                raise RecipeError(
                    f"objectives.{name}: cannot be an objective's name: choose another word, "
                    "of letters, digits and _"
                )
            try:
                objective = _build(chosen, embedding_size, map_channels, classes, class_vectors)
            except RecipeError as error:
                raise RecipeError(f"objectives.{name}.{error}") from None
            self.by_name[name] = objective
            if isinstance(objective, Classifier) and class_vectors is None:
                class_vectors = objective.class_vectors

    @property
    def reads_maps(self) -> bool:
        """Whether an objective looks at the encoder's feature maps, not at its embedding alone."""
        return any(isinstance(objective, Multiscale) for objective in self.by_name.values())

    def set_margin_share(self, share: float) -> None:
        """Set every margin, of classifiers and of positive pairs, to a share of the recipe's."""
        for objective in self.modules():
            if isinstance(objective, Classifier | SupCon):
                objective.margin = share * objective.full_margin

    def forward(self, output: EncoderOutput, batch: Batch) -> dict[str, Tensor]:
        """Each objective's loss, a scalar, not weighted.

        Raises RecipeError if an objective needs a batch of another shape.
        """
        losses = {}
        for name, objective in self.by_name.items():
            try:
                losses[name] = objective(output, batch)
            except RecipeError as error:
                raise RecipeError(f"objectives.{name}: {error}") from None
        return losses


def _is_classifier(settings: AnyObjectiveSettings) -> bool:
    return isinstance(settings, AamSoftmaxSettings | AmSoftmaxSettings)


def _build(
    settings: AnyObjectiveSettings,
    embedding_size: int,
    map_channels: Sequence[int],
    classes: int,
    class_vectors: Callable[[], Tensor] | None,
) -> nn.Module:
    match settings:
        case AamSoftmaxSettings():
            return AamSoftmax(settings, embedding_size, classes)
        case AmSoftmaxSettings():
            return AmSoftmax(settings, embedding_size, classes)
        case SupConSettings() | NtXentSettings() | TripletSettings():
            return build_contrast(settings, class_vectors)
        case MultiscaleSettings():
            return Multiscale(settings, map_channels, class_vectors)
        case UniformitySettings():
            return Uniformity(settings)
        case AngularContrastiveSettings():
            return AngularContrastive()
        case AngularPrototypicalSettings():
            return AngularPrototypical()
        case PrototypicalSettings():
            return Prototypical()
        case Ge2eSettings():
            return Ge2e()

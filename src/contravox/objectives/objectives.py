"""The objectives of a recipe, built together and computed together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from contravox.encoders.encoder import FeatureMap
from contravox.errors import RecipeError
from contravox.objectives.aam_softmax import AamSoftmax, AamSoftmaxSettings
from contravox.objectives.adacos import AdaCos, AdaCosSettings
from contravox.objectives.am_softmax import AmSoftmax, AmSoftmaxSettings
from contravox.objectives.angular_contrastive import AngularContrastive, AngularContrastiveSettings
from contravox.objectives.classifier import Classifier
from contravox.objectives.contrast import build_contrast
from contravox.objectives.ge2e import Ge2e, Ge2eSettings
from contravox.objectives.gradient_gate import GradientGate
from contravox.objectives.margin_softmax import MarginSoftmax
from contravox.objectives.multiscale import Multiscale, MultiscaleSettings
from contravox.objectives.n_pairs import NPairsSettings
from contravox.objectives.nt_xent import NtXent, NtXentSettings
from contravox.objectives.prototypical import (
    AngularPrototypical,
    AngularPrototypicalSettings,
    Prototypical,
    PrototypicalSettings,
)
from contravox.objectives.segments import Segments
from contravox.objectives.softmax import Softmax, SoftmaxSettings
from contravox.objectives.supcon import SupCon, SupConSettings
from contravox.objectives.triplet import TripletSettings
from contravox.objectives.uniformity import Uniformity, UniformitySettings
from contravox.scoring.scorer import Comparison

AnyObjectiveSettings = (
    AamSoftmaxSettings
    | AmSoftmaxSettings
    | SoftmaxSettings
    | AdaCosSettings
    | SupConSettings
    | NtXentSettings
    | TripletSettings
    | NPairsSettings
    | MultiscaleSettings
    | UniformitySettings
    | AngularContrastiveSettings
    | AngularPrototypicalSettings
    | PrototypicalSettings
    | Ge2eSettings
)
ObjectiveSettings = Annotated[AnyObjectiveSettings, Field(discriminator="name")]

Gates = Mapping[str, GradientGate]
"""A gate for each loss, by the names of ``Objectives.weights``."""


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
        self.weights: dict[str, float] = {}
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
            self.weights |= _weights(name, chosen.weight, objective)
            if isinstance(objective, Classifier) and class_vectors is None:
                class_vectors = objective.class_vectors

    @property
    def reads_maps(self) -> bool:
        """Whether an objective looks at the encoder's feature maps, not at its embedding alone."""
        return any(isinstance(objective, Multiscale) for objective in self.by_name.values())

    @property
    def comparison(self) -> Comparison:
        """What embeddings so trained are for: their distance where no loss sees an angle."""
        by_distance = all(isinstance(each, Prototypical) for each in self.by_name.values())
        return "Euclidean distance" if by_distance else "cosine"

    def map_vectors(
        self, maps: Sequence[FeatureMap], gates: Gates | None = None
    ) -> dict[str, tuple[Tensor, ...]]:
        """What objectives on feature maps make of them, by the objective's name: ``Segments``.

        Their heads are an objective's own, so they look at the maps through its gate.
        """
        vectors = {}
        for name, objective in self.by_name.items():
            if isinstance(objective, Multiscale):
                seen = list(maps)
                for index, loss in zip(objective.chosen, _loss_names(name, objective), strict=True):
                    if gates is not None:
                        seen[index] = replace(maps[index], values=gates[loss](maps[index].values))
                vectors[name] = objective.head_vectors(seen)
        return vectors

    def set_margin_share(self, share: float) -> None:
        """Set every margin, of classifiers and of positive pairs, to a share of the recipe's."""
        for objective in self.modules():
            if isinstance(objective, MarginSoftmax | SupCon | NtXent):
                objective.margin = share * objective.full_margin
            if isinstance(objective, MarginSoftmax):
                objective.hard_negative_margin = share * objective.full_hard_negative_margin

    def forward(
        self,
        segments: Segments,
        everywhere: Segments | None = None,
        gates: Gates | None = None,
    ) -> dict[str, Tensor]:
        """Each objective's loss, a scalar, not weighted, by the names of ``weights``.

        segments: those of this process; everywhere: those of all processes, if there are more. A
        loss that contrasts segments is the whole loss of all of them, the same in every process; a
        loss of single segments is that of the process's own. gates: through which each loss sees
        the embeddings.

        Raises RecipeError if an objective needs a batch of another shape.
        """
        losses = {}
        for name, objective in self.by_name.items():
            single = isinstance(objective, MarginSoftmax | Softmax)
            given = segments if single or everywhere is None else everywhere

            def seen_by(loss: str, given: Segments = given) -> Segments:
                if gates is None:
                    return given
                return given._replace(embeddings=gates[loss](given.embeddings))

            try:
                if not isinstance(objective, Multiscale):
                    losses[name] = objective(seen_by(name))
                elif objective.separate:
                    vectors = given.map_vectors[name]
                    for loss, of_map in zip(_loss_names(name, objective), vectors, strict=True):
                        losses[loss] = objective.contrast(seen_by(loss), of_map)
                else:
                    losses[name] = objective(seen_by(name), given.map_vectors[name])
            except RecipeError as error:
                raise RecipeError(f"objectives.{name}: {error}") from None
        return losses


def _loss_names(name: str, objective: Multiscale) -> list[str]:
    """The name of the loss that each chosen map is part of."""
    if not objective.separate:
        return [name] * len(objective.chosen)
    return [f"{name}.map{index}" for index in objective.chosen]


def _weights(name: str, weight: float, objective: nn.Module) -> dict[str, float]:
    """The weight of an objective, or of each of its maps, such that all of them add up as one."""
    if not (isinstance(objective, Multiscale) and objective.separate):
        return {name: weight}
    shares = [weight * each / len(objective.chosen) for each in objective.map_weights]
    return dict(zip(_loss_names(name, objective), shares, strict=True))


def _is_classifier(settings: AnyObjectiveSettings) -> bool:
    return isinstance(
        settings, AamSoftmaxSettings | AmSoftmaxSettings | SoftmaxSettings | AdaCosSettings
    )


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
        case SoftmaxSettings():
            return Softmax(embedding_size, classes)
        case AdaCosSettings():
            return AdaCos(settings, embedding_size, classes)
        case SupConSettings() | NtXentSettings() | TripletSettings() | NPairsSettings():
            return build_contrast(settings, class_vectors)
        case MultiscaleSettings():
            return Multiscale(settings, map_channels, class_vectors)
        case UniformitySettings():
            return Uniformity(settings)
        case AngularContrastiveSettings():
            return AngularContrastive()
        case AngularPrototypicalSettings():
            return AngularPrototypical(settings)
        case PrototypicalSettings():
            return Prototypical()
        case Ge2eSettings():
            return Ge2e()

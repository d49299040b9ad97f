"""The objectives of a recipe, built together and computed together."""

from collections.abc import ItemsView, Mapping, Sequence
from typing import Annotated, cast

from pydantic import Field
from torch import Tensor, nn

from contravox.encoders.encoder import FeatureMap
from contravox.errors import RecipeError
from contravox.objectives.adacos import AdaCosSettings
from contravox.objectives.angular_contrastive import AngularContrastiveSettings
from contravox.objectives.classifier import Classifier, ClassifierSettings
from contravox.objectives.distillation import DistillationSettings
from contravox.objectives.ge2e import Ge2eSettings
from contravox.objectives.gradient_gate import GradientGate
from contravox.objectives.margin_softmax import AamSoftmaxSettings, AmSoftmaxSettings
from contravox.objectives.multiscale import ContrastSettings, MultiscaleSettings
from contravox.objectives.objective import Gate, Objective, ObjectiveSettings, Site, ungated
from contravox.objectives.prototypical import AngularPrototypicalSettings, PrototypicalSettings
from contravox.objectives.segments import Segments
from contravox.objectives.softmax import SoftmaxSettings
from contravox.objectives.sphereface2 import SphereFace2Settings
from contravox.objectives.uniformity import UniformitySettings
from contravox.scoring.scorer import Comparison

AnyObjectiveSettings = Annotated[
    AamSoftmaxSettings
    | AmSoftmaxSettings
    | SoftmaxSettings
    | AdaCosSettings
    | SphereFace2Settings
    | ContrastSettings
    | MultiscaleSettings
    | UniformitySettings
    | AngularContrastiveSettings
    | AngularPrototypicalSettings
    | PrototypicalSettings
    | Ge2eSettings
    | DistillationSettings,
    Field(discriminator="name"),
]
"""Every loss that a recipe may name: the one place that a new one is added to."""

Gates = Mapping[str, GradientGate]
"""A gate for each loss, by the names of ``Objectives.weights``."""


class Objectives(nn.Module):
    """Every objective of a recipe, by its name there.

    site: what they are built for, its class_vectors aside. Attention looks at the first classifier
    of the recipe.

    Raises RecipeError if there is no objective, a name cannot be one, or one cannot work with this
    encoder or without another objective.
    """

    def __init__(self, settings: Mapping[str, ObjectiveSettings], site: Site) -> None:
        super().__init__()
        if not settings:
            raise RecipeError("objectives: none is named: add one, such as aam_softmax")
        self.by_name = nn.ModuleDict()
        self.weights: dict[str, float] = {}
        # Classifiers first, whatever their place in the recipe: others look at them.
        classifiers_first = sorted(
            settings.items(), key=lambda item: not isinstance(item[1], ClassifierSettings)
        )
        for name, chosen in classifiers_first:
            if not name.isidentifier() or hasattr(self.by_name, name):
                raise RecipeError(
                    f"objectives.{name}: cannot be an objective's name: choose another word, "
                    "of letters, digits and _"
                )
            try:
                objective = chosen.build(site)
            except RecipeError as error:
                raise RecipeError(f"objectives.{name}.{error}") from None
            self.by_name[name] = objective
            shares = objective.parts.items()
            self.weights |= {name + part: chosen.weight * share for part, share in shares}
            if isinstance(objective, Classifier) and site.class_vectors is None:
                site = site._replace(class_vectors=objective.class_vectors)

    def items(self) -> ItemsView[str, Objective]:
        """Each objective, with its name."""
        return cast(Mapping[str, Objective], self.by_name).items()

    @property
    def reads_maps(self) -> bool:
        """Whether an objective looks at the encoder's feature maps, not at its embedding alone."""
        return any(objective.reads_maps for _, objective in self.items())

    @property
    def comparison(self) -> Comparison:
        """What embeddings so trained are for: their distance where no loss sees an angle."""
        by_angle = any(objective.by_angle for _, objective in self.items())
        return "cosine" if by_angle else "Euclidean distance"

    def map_vectors(
        self, maps: Sequence[FeatureMap], gates: Gates | None = None
    ) -> dict[str, tuple[Tensor, ...]]:
        """What objectives on feature maps make of them, by the objective's name: ``Segments``."""
        return {
            name: objective.head_vectors(maps, _gate(name, gates))
            for name, objective in self.items()
            if objective.reads_maps
        }

    def set_margin_share(self, share: float) -> None:
        """Set every margin, of classifiers and of positive pairs, to a share of the recipe's."""
        for objective in self.modules():
            if isinstance(objective, Objective):
                objective.margin_share = share

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
        for name, objective in self.items():
            given = segments if objective.per_segment or everywhere is None else everywhere
            gate = _gate(name, gates)
            for part in objective.parts:
                seen = given._replace(embeddings=gate(part, given.embeddings))
                try:
                    loss = objective.loss_of(part, seen, given.map_vectors.get(name, ()))
                except RecipeError as error:
                    raise RecipeError(f"objectives.{name}: {error}") from None
                losses[name + part] = loss
        return losses


def _gate(name: str, gates: Gates | None) -> Gate:
    """Through which an objective sees what the encoder made."""
    if gates is None:
        return ungated
    return lambda part, values: gates[name + part](values)

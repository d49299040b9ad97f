"""What every objective is, and what its settings say of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Generic, NamedTuple, TypeVar

from pydantic import Field
from torch import Tensor, nn

from contravox.encoders.encoder import FeatureMap
from contravox.objectives.segments import Segments
from contravox.settings import NotNegative, Settings


class Site(NamedTuple):
    """What an objective is built for.

    embedding_size, map_channels: of the encoder, of whose feature maps the first is the shallowest.
    classes: number of training speakers. class_vectors: those of the recipe's first classifier, if
    it has one; they stay the classifier's. target_size: of a teacher's embeddings, if there is one.
    """

    embedding_size: int
    map_channels: Sequence[int]
    classes: int
    class_vectors: Callable[[], Tensor] | None = None
    target_size: int | None = None


class ObjectiveSettings(Settings):
    """What every objective can be told.

    needs_positives: whether it learns from segments of one label alone, so that batches must hold
    some. needs_targets: whether it learns from a teacher.
    """

    needs_positives: ClassVar[bool] = True
    needs_targets: ClassVar[bool] = False

    name: str
    weight: NotNegative = Field(1.0, description="what the loss is multiplied by")

    def build(self, site: Site) -> "Objective":
        """The objective, its weights new. Raises RecipeError if it cannot be built there."""
        raise NotImplementedError


AnySettings = TypeVar("AnySettings", bound=ObjectiveSettings)

Gate = Callable[[str, Tensor], Tensor]
"""The part of an objective that looks at what the encoder made, and that: the same, to look at."""


def ungated(part: str, values: Tensor) -> Tensor:
    """Everything seen as it is."""
    return values


class Objective(nn.Module, Generic[AnySettings]):
    """A loss of a batch, and what is trained for that loss alone.

    A subclass computes a scalar in ``forward``. What it is beside that:

    per_segment: whether its loss is a mean over single segments; if not, it contrasts those of all
    processes. by_angle: whether it sees the angles of embeddings; if not, their distances.
    reads_maps: whether it looks at the encoder's feature maps. margin_share: what its margins are
    to be multiplied by in the next step, for a margin schedule.
    """

    per_segment = False
    by_angle = True
    reads_maps = False
    margin_share = 1.0

    def __init__(self, settings: AnySettings) -> None:
        super().__init__()
        self.settings = settings

    @property
    def parts(self) -> Mapping[str, float]:
        """The losses that are balanced and logged apart, and each one's share of the weight.

        By what their names add to the objective's: as a rule one, and nothing.
        """
        return {"": 1.0}

    def head_vectors(self, maps: Sequence[FeatureMap], gate: Gate = ungated) -> tuple[Tensor, ...]:
        """What it makes of the encoder's feature maps: see ``Segments``."""
        return ()

    def loss_of(self, part: str, segments: Segments, map_vectors: tuple[Tensor, ...]) -> Tensor:
        """The loss of one of its parts: a scalar. map_vectors: its own."""
        return self(segments)

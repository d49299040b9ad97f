"""The contrastive losses that work on any vectors with labels, and so on feature maps too."""

from collections.abc import Callable
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from contravox.objectives.n_pairs import NPairs, NPairsSettings
from contravox.objectives.nt_xent import NtXent, NtXentSettings
from contravox.objectives.supcon import SupCon, SupConSettings
from contravox.objectives.triplet import Triplet, TripletSettings

AnyContrastSettings = SupConSettings | NtXentSettings | TripletSettings | NPairsSettings
ContrastSettings = Annotated[AnyContrastSettings, Field(discriminator="name")]


def build_contrast(
    settings: AnyContrastSettings, class_vectors: Callable[[], Tensor] | None
) -> nn.Module:
    """The loss that ``settings`` describe; class_vectors are for SupCon's attention.

    Raises RecipeError if attention is set without them.
    """
    match settings:
        case SupConSettings():
            return SupCon(settings, class_vectors)
        case NtXentSettings():
            return NtXent(settings)
        case TripletSettings():
            return Triplet(settings)
        case NPairsSettings():
            return NPairs(settings)

"""Whose model it is, told by the names and shapes of its weights."""

from types import ModuleType

from pydantic import ValidationError

from contravox.errors import ModelError, few
from contravox.inference.foreign_models import (
    cam_plus_plus,
    speechbrain_ecapa_tdnn,
    voxceleb_trainer_fast_resnet34,
    wespeaker_ecapa_tdnn,
    wespeaker_resnet34,
)
from contravox.inference.foreign_models.foreign_model import ForeignModel, Weights
from contravox.settings import first_mistake

KNOWN: tuple[ModuleType, ...] = (
    cam_plus_plus,
    speechbrain_ecapa_tdnn,
    voxceleb_trainer_fast_resnet34,
    wespeaker_ecapa_tdnn,
    wespeaker_resnet34,
)


def recognise(weights: Weights) -> ForeignModel:
    """The model that these weights are of. Raises ModelError, of which a file's name is no part."""
    for architecture in KNOWN:
        if all(name in weights for name in architecture.TELLTALES):
            return _read(architecture, weights)
    known = "; ".join(architecture.ORIGIN for architecture in KNOWN)
    raise ModelError(
        f"weights of an architecture that is not read ({few(list(weights), 3)}): read are {known}"
    )


def _read(architecture: ModuleType, weights: Weights) -> ForeignModel:
    try:
        model: ForeignModel = architecture.read(weights)
    except ValidationError as error:
        keys, reason, _ = first_mistake(error)
        raise ModelError(
            f"like {architecture.ORIGIN}, but of a size that is not read "
            f"({'.'.join(keys)}: {reason})"
        ) from error
    # A weight that is not there, or has fewer dimensions.
    except (KeyError, ValueError, IndexError) as error:
        raise ModelError(
            f"like {architecture.ORIGIN}, but it lacks weights ({error}): a variant of it that is "
            "not read"
        ) from error
    model.check()
    return model

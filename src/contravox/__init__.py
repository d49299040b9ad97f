"""contravox: speaker verification by contrastive learning.

The names below are imported when they are first used: PyTorch alone takes over a second.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contravox.audio.waveform import read_audio as read_audio
    from contravox.embeddings import Embeddings as Embeddings
    from contravox.gallery.gallery import Gallery as Gallery
    from contravox.inference.embed import embed_manifest as embed_manifest
    from contravox.inference.verifier import Verifier as Verifier
    from contravox.manifest import Manifest as Manifest
    from contravox.model import Model as Model
    from contravox.training.recipe import Recipe as Recipe
    from contravox.training.trainer import Trainer as Trainer
    from contravox.trials.trials import Trials as Trials

_HOMES = {
    "Embeddings": "contravox.embeddings",
    "Gallery": "contravox.gallery.gallery",
    "Manifest": "contravox.manifest",
    "Model": "contravox.model",
    "Recipe": "contravox.training.recipe",
    "Trainer": "contravox.training.trainer",
    "Trials": "contravox.trials.trials",
    "Verifier": "contravox.inference.verifier",
    "embed_manifest": "contravox.inference.embed",
    "read_audio": "contravox.audio.waveform",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'contravox' has no attribute {name!r}")
    from contravox.extras import optional_packages

    with optional_packages(f"contravox.{name}"):
        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])

"""What the verbs of a gallery share: where it is, and by which model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from contravox.gallery.gallery import Gallery
    from contravox.gallery.settings import GallerySettings

DEFAULT = "gallery.sqlite"
"""In the current folder: voices of people are not kept where nobody sees them."""

Place = Annotated[
    str,
    typer.Option(
        "--gallery",
        envvar="CONTRAVOX_GALLERY",
        help="A file, or postgresql://user@host/database.",
    ),
]
GalleryModel = Annotated[
    Path | None,
    typer.Option(
        "--model",
        envvar="CONTRAVOX_MODEL",
        help="model.onnx or model.safetensors that it is of. Default: the one of contravox.",
    ),
]


def open_gallery(
    place: str,
    model: Path | None = None,
    *,
    create: bool = False,
    settings: "GallerySettings | None" = None,
) -> "Gallery":
    """Raises MissingExtraError where the packages for PostgreSQL, or for the model, are missing."""
    from contravox.gallery.gallery import Gallery
    from contravox.inference.verifier import Verifier

    verifier = None if model is None else Verifier.load(model)
    return Gallery.open(place, verifier, create=create, settings=settings)


def model_of(model: Path | None) -> Path:
    """The model named, or the one that comes with contravox."""
    from contravox.inference.default_model import DEFAULT_MODEL

    return DEFAULT_MODEL if model is None else model

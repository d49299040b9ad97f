"""What the verbs of a gallery share: where it is, and by which model."""

from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def open_gallery(
    place: str,
    model: Path | None = None,
    *,
    create: bool = False,
    settings: "GallerySettings | None" = None,
) -> "Iterator[Gallery]":
    """A gallery, which is closed again; one that was made for what failed is taken away.

    Raises MissingExtraError where the packages for PostgreSQL, or for the model, are missing.
    """
    from contravox.gallery.database import is_there, take_away
    from contravox.gallery.gallery import Gallery
    from contravox.inference.verifier import Verifier

    verifier = None if model is None else Verifier.load(model)
    made, empty = create and not is_there(place), True
    try:
        with Gallery.open(place, verifier, create=create, settings=settings) as opened:
            try:
                yield opened
            except BaseException:
                empty = made and not opened.speakers(most=1)
                raise
    except BaseException:
        if made and empty:
            take_away(place)
        raise


def model_of(model: Path | None) -> Path:
    """The model named; the one that comes with contravox where none is, or ``default``."""
    from contravox.inference.default_model import DEFAULT_MODEL, NAME

    named = model is not None and (str(model) != NAME or model.exists())
    return model if model is not None and named else DEFAULT_MODEL

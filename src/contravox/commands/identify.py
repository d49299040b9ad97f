"""``contravox identify``."""

from dataclasses import asdict
from typing import Annotated

import typer

from contravox.commands.console import Json, print_json
from contravox.commands.galleries import DEFAULT, GalleryModel, Place, model_of, open_gallery
from contravox.commands.numbers import finite
from contravox.commands.recording_options import (
    DIFFERENT,
    UNDECIDED,
    AllowUnfit,
    Channel,
    Threshold,
    warn_of,
)
from contravox.terminal.messages import note, tell


def identify(
    file: Annotated[str, typer.Argument(help="A recording: a file or a URL.")],
    gallery: Place = DEFAULT,
    model: GalleryModel = None,
    top: Annotated[int, typer.Option(min=1, max=1000, help="How many to tell.")] = 5,
    threshold: Threshold = None,
    prior: Annotated[
        float | None,
        typer.Option(
            callback=finite, help="How likely it is anybody enrolled. A calibrated model's: 0.5."
        ),
    ] = None,
    channel: Channel = "mean",
    allow_unfit: AllowUnfit = False,
    as_json: Json = False,
) -> None:
    """Say who of a gallery speaks, if anybody of it does.

    Exits with 0 for somebody enrolled, 1 for nobody, 2 for an error or where nothing decides.
    """
    from contravox.inference.deciding import in_per_cent
    from contravox.inference.default_model import told_of

    chosen = model_of(model)
    with open_gallery(gallery, chosen) as opened:
        result = opened.identify(
            file,
            top=top,
            threshold=threshold,
            known=prior,
            channel=channel,
            allow_unfit=allow_unfit,
        )
    if as_json:
        print_json({"model": told_of(chosen), **asdict(result)})
    else:
        tell(str(result))
        for match in result.matches:
            probability = (
                "" if match.probability is None else f"{in_per_cent(match.probability):>12}"
            )
            tell(f"  {match.score:7.3f}{probability}  {match.speaker}")
        warn_of(result.warnings)
    if not result.decided:
        note("error: no decision, as there is no threshold for these scores: pass --threshold")
        raise typer.Exit(UNDECIDED)
    if result.speaker is None:
        raise typer.Exit(DIFFERENT)

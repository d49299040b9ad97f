"""``contravox verify``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Json, print_json


def verify(
    model: Annotated[Path, typer.Argument(help="model.safetensors")],
    first: Annotated[Path, typer.Argument(help="A recording.")],
    second: Annotated[Path, typer.Argument(help="Another.")],
    threshold: Annotated[
        float | None, typer.Option(help="Decide at this score, not at the model's threshold.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whether two recordings are of the same speaker."""
    from dataclasses import asdict

    from contravox.verifier import Verifier

    result = Verifier.load(model).verify(first, second, threshold=threshold)
    if as_json:
        print_json(asdict(result))
    else:
        print(result)

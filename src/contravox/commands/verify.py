"""``contravox verify``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Json, print_json
from contravox.commands.numbers import finite
from contravox.terminal.messages import tell


def verify(
    model: Annotated[Path, typer.Argument(help="model.safetensors")],
    first: Annotated[str, typer.Argument(help="A recording: a file or a URL.")],
    second: Annotated[str, typer.Argument(help="Another.")],
    threshold: Annotated[
        float | None,
        typer.Option(callback=finite, help="Decide at this score, not at the model's threshold."),
    ] = None,
    prior: Annotated[
        float | None,
        typer.Option(
            callback=finite, help="How likely they are one speaker. A calibrated model's: 0.5."
        ),
    ] = None,
    miss_cost: Annotated[
        float, typer.Option(callback=finite, help="Of not knowing the speaker again.")
    ] = 1.0,
    false_alarm_cost: Annotated[
        float, typer.Option(callback=finite, help="Of taking another for them.")
    ] = 1.0,
    as_json: Json = False,
) -> None:
    """Say whether two recordings are of the same speaker."""
    from dataclasses import asdict

    from contravox.inference.verifier import Prior, Verifier

    asked = prior is not None or (miss_cost, false_alarm_cost) != (1.0, 1.0)
    stated = Prior(0.5 if prior is None else prior, miss_cost, false_alarm_cost)
    result = Verifier.load(model).verify(
        first, second, threshold=threshold, prior=stated if asked else None
    )
    if as_json:
        print_json(asdict(result))
    else:
        tell(str(result))

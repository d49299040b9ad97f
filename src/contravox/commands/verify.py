"""``contravox verify``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from contravox.commands.console import Json, print_json
from contravox.commands.numbers import finite
from contravox.terminal.messages import note, tell

DIFFERENT, UNDECIDED = 1, 2
"""Exit status where the speakers differ; where nothing decides, as for an error."""


def verify(
    model: Annotated[Path, typer.Argument(help="model.onnx or model.safetensors")],
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
    channel: Annotated[
        Literal["mean", "left", "right"],
        typer.Option(help="Of recordings with several: their mean, or one of the first two."),
    ] = "mean",
    allow_unfit: Annotated[
        bool, typer.Option("--allow-unfit", help="Compare recordings without enough speech too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say whether two recordings are of the same speaker.

    Exits with 0 for the same, 1 for different speakers, 2 for an error or where nothing decides.
    """
    from contravox.inference.verifier import Prior, Verifier

    asked = prior is not None or (miss_cost, false_alarm_cost) != (1.0, 1.0)
    stated = Prior(0.5 if prior is None else prior, miss_cost, false_alarm_cost)
    result = Verifier.load(model).verify(
        first,
        second,
        threshold=threshold,
        prior=stated if asked else None,
        channel=channel,
        allow_unfit=allow_unfit,
    )
    if as_json:
        print_json(result.to_dict())
    else:
        tell(str(result))
        for doubt in result.doubts:
            note(f"warning: {doubt}")
    if result.same_speaker is None:
        note(f"error: {model}: no decision, as it has no threshold: pass --threshold")
        raise typer.Exit(UNDECIDED)
    if not result.same_speaker:
        raise typer.Exit(DIFFERENT)

"""``contravox verify``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from contravox.commands.claim import verify_claim
from contravox.commands.console import Json, print_json
from contravox.commands.galleries import DEFAULT, GalleryModel, Place, model_of
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


def verify(
    context: typer.Context,
    given: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL] FIRST SECOND",
            help="Two recordings, files or URLs; with --as, one. Before them model.onnx or "
            "model.safetensors. Default: the model of contravox.",
        ),
    ],
    claimed: Annotated[
        str | None, typer.Option("--as", help="Who of a gallery the recording is said to be of.")
    ] = None,
    gallery: Place = DEFAULT,
    gallery_model: GalleryModel = None,
    threshold: Threshold = None,
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
    channel: Channel = "mean",
    allow_unfit: AllowUnfit = False,
    as_json: Json = False,
) -> None:
    """Say whether two recordings are of the same speaker, or one of somebody enrolled (--as).

    Exits with 0 for the same, 1 for different speakers, 2 for an error or where nothing decides.
    """
    from contravox.inference.deciding import Prior

    asked = prior is not None or (miss_cost, false_alarm_cost) != (1.0, 1.0)
    stated = Prior(0.5 if prior is None else prior, miss_cost, false_alarm_cost)
    how: dict[str, Any] = {"threshold": threshold, "prior": stated if asked else None}
    how |= {"channel": channel, "allow_unfit": allow_unfit}
    if len(given) not in ((2, 3) if claimed is None else (1,)):
        raise typer.BadParameter(
            f"got {len(given)} arguments, where two recordings are needed, and before them a model "
            "if it shall be another; or one recording with --as"
        )
    # What stands in the environment is not meant for this call alone, and gives way.
    sources = {name: context.get_parameter_source(name) for name in ("gallery", "gallery_model")}
    typed = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    if "gallery_model" in typed and len(given) == 3:
        raise typer.BadParameter("a model before the recordings, and another by --model: give one")
    if "gallery" in typed and claimed is None:
        raise typer.BadParameter("--gallery is where --as looks for the speaker: give both")
    if asked and threshold is not None:
        raise typer.BadParameter(
            "--threshold decides by itself, --prior and costs do by a calibration: give one"
        )
    if claimed is not None:
        same = verify_claim(claimed, given[0], gallery, gallery_model, as_json=as_json, **how)
    else:
        model = model_of(Path(given[0]) if len(given) == 3 else gallery_model)
        same = _verify_pair(model, given[-2], given[-1], as_json, how)
    if same is None:
        raise typer.Exit(UNDECIDED)
    if not same:
        raise typer.Exit(DIFFERENT)


def _verify_pair(
    model: Path, first: str, second: str, as_json: bool, how: dict[str, Any]
) -> bool | None:
    """Tell whether two recordings are of one speaker; give the decision."""
    from contravox.inference.default_model import DEFAULT_MODEL, USED, told_of
    from contravox.inference.verifier import Verifier

    result = Verifier.load(model).verify(first, second, **how)
    if as_json:
        print_json({"model": told_of(model), **result.to_dict()})
    else:
        tell(str(result))
        if model == DEFAULT_MODEL:
            note(USED)
        warn_of(result.warnings)
    if result.same_speaker is None:
        note(f"error: {model}: no decision, as it has no threshold: pass --threshold")
    return result.same_speaker

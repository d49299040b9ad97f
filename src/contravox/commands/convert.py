"""``contravox convert``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from contravox.commands.console import Force, Json, Output, print_json
from contravox.terminal.messages import note, tell


class Convention(StrEnum):
    """Whose features."""

    kaldi = "kaldi"
    torchaudio = "torchaudio"
    speechbrain = "speechbrain"


class Window(StrEnum):
    """What each frame is multiplied by."""

    hamming = "hamming"
    povey = "povey"
    hann = "hann"


class Normalisation(StrEnum):
    """What is taken out of the features of a recording."""

    none = "none"
    mean = "mean"
    mean_variance = "mean_variance"


def convert(
    model: Annotated[Path, typer.Argument(help="What another toolkit trained: a checkpoint.")],
    output: Annotated[Path, Output],
    convention: Annotated[
        Convention | None, typer.Option(help="Whose features it was trained on.")
    ] = None,
    bins: Annotated[int | None, typer.Option(min=1, max=256, help="Of its filter bank.")] = None,
    window: Annotated[Window | None, typer.Option(help="Of its frames.")] = None,
    normalisation: Annotated[
        Normalisation | None, typer.Option(help="Of its features, over time.")
    ] = None,
    full_scale: Annotated[
        bool | None,
        typer.Option(
            "--full-scale/--unit-scale", help="Samples up to 32,768, or up to 1, before Kaldi's."
        ),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Make a model of what another toolkit trained; its own front-end unless options say other."""
    from contravox.errors import MissingExtraError, ModelError
    from contravox.files.outputs import claimed_file
    from contravox.inference.foreign_models.conversion import convert_checkpoint, in_words
    from contravox.inference.loading import load_model

    given: dict[str, Any] = {
        "convention": convention,
        "bins": bins,
        "window": window,
        "normalisation": normalisation,
        "full_scale": full_scale,
    }
    front_end = {name: value for name, value in given.items() if value is not None}
    made, foreign = convert_checkpoint(model, model.name, front_end)

    def own(path: Path) -> bool:
        try:
            return load_model(path).digest == made.digest
        except (ModelError, MissingExtraError):
            return False

    with claimed_file(output, ".safetensors", inputs=(model,), own=own, force=force):
        made.save(output)
    for remark in foreign.remarks:
        note(f"note: {model}: {remark}")
    if as_json:
        print_json(
            {
                "model": str(output),
                "origin": foreign.origin,
                "features": foreign.features.model_dump(mode="json"),
                "encoder": foreign.encoder.model_dump(mode="json"),
                "parameters": made.parameter_count,
                "remarks": foreign.remarks,
            }
        )
    else:
        tell(
            f"{output}: {foreign.origin}, {made.parameter_count:,} parameters, "
            f"embeddings of {made.embedding_size}; {in_words(foreign.features)}"
        )

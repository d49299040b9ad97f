"""``contravox convert``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from contravox.commands.console import Force, Json, Output, print_json
from contravox.commands.numbers import finite
from contravox.terminal.messages import note, tell

if TYPE_CHECKING:
    from contravox.inference.conversion import Converted


Convention = Literal["kaldi", "torchaudio", "speechbrain"]
Window = Literal["hamming", "povey", "hann"]
Normalisation = Literal["none", "mean", "mean_variance"]


def convert(
    model: Annotated[
        str,
        typer.Argument(help="A checkpoint, an ONNX file or hf://OWNER/NAME[@REVISION][/FILE]."),
    ],
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
    low_frequency: Annotated[
        float | None, typer.Option(callback=finite, help="Lower limit of the filters in Hz.")
    ] = None,
    high_frequency: Annotated[
        float | None, typer.Option(callback=finite, help="Upper limit; 0: half the sample rate.")
    ] = None,
    output_name: Annotated[
        str | None, typer.Option(help="Of the embedding, in an ONNX file that gives more.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Make model.onnx or model.safetensors of a model that another toolkit trained."""
    from contravox.errors import MissingExtraError, ModelError
    from contravox.files.outputs import claimed_file
    from contravox.inference.conversion import convert_model
    from contravox.inference.loading import load_model

    given: dict[str, Any] = {
        "convention": convention,
        "bins": bins,
        "window": window,
        "normalisation": normalisation,
        "full_scale": full_scale,
        "low_frequency": low_frequency,
        "high_frequency": high_frequency,
    }
    front_end = {name: value for name, value in given.items() if value is not None}
    kind = ".safetensors" if output.suffix == ".safetensors" else ".onnx"
    path, converted = convert_model(model, kind, front_end, output_name)

    def own(before: Path) -> bool:
        try:
            there = load_model(before)
        except (ModelError, MissingExtraError):
            return False
        # A calibration of what was converted leaves the digest as it is.
        made = converted.model
        return there.digest == made.digest and there.settings == made.settings

    with claimed_file(output, kind, inputs=(path,), own=own, force=force):
        converted.model.save(output)
    _tell(model, output, converted, as_json)


def _tell(given: str, output: Path, converted: "Converted", as_json: bool) -> None:
    """Say what a model was recognised as."""
    from contravox.inference.foreign_models.front_end import in_words

    model, features = converted.model, converted.features
    for remark in converted.remarks:
        note(f"note: {given}: {remark}")
    if as_json:
        print_json(
            {
                "model": str(output),
                "origin": converted.origin,
                "features": features.model_dump(mode="json") if features else None,
                "parameters": model.parameter_count,
                "embedding_size": model.embedding_size,
                "remarks": converted.remarks,
            }
        )
    else:
        sees = f"; {in_words(features)}" if features else ""
        tell(
            f"{output}: {converted.origin}, {model.parameter_count:,} parameters, embeddings of "
            f"{model.embedding_size}{sees}"
        )

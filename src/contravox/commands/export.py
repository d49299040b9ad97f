"""``contravox export``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Force, Json, Output, print_json
from contravox.terminal.messages import tell


def export(
    model: Annotated[Path, typer.Argument(help="model.safetensors")],
    output: Annotated[Path, Output],
    int8: Annotated[
        Path | None,
        typer.Option(
            metavar="MANIFEST",
            help="In whole numbers of 8 bits, which are quicker; their ranges are taken from "
            "speech of this manifest, like that which the model is for.",
        ),
    ] = None,
    float16: Annotated[
        bool,
        typer.Option(help="Weights in half of the bytes, which computes as before, and as fast."),
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write a model as one ONNX graph, from waveforms to embeddings, that needs no PyTorch."""
    from contravox.errors import ModelError
    from contravox.files.outputs import claimed_file
    from contravox.inference.export import export_model, exported_settings
    from contravox.inference.half_weights import halve_weights
    from contravox.inference.loading import load_pytorch_model
    from contravox.inference.onnx_model import OnnxModel
    from contravox.inference.quantisation import quantise, speech_for_ranges
    from contravox.manifest import Manifest

    if float16 and int8 is not None:
        raise typer.BadParameter("give --float16 or --int8, not both")
    loaded = load_pytorch_model(model)
    speech = None if int8 is None else speech_for_ranges(Manifest.read(int8))
    precision = "int8" if speech is not None else "float16" if float16 else "float32"
    settings = exported_settings(loaded, model).model_copy(update={"precision": precision})

    def own(path: Path) -> bool:
        # What was calibrated since, or is in other numbers, cannot be had back from here.
        try:
            return OnnxModel.load(path).settings == settings
        except ModelError:
            return False

    with claimed_file(output, ".onnx", inputs=(model, int8), own=own, force=force):
        exported = export_model(loaded, model)
        if speech is not None:
            exported = quantise(exported, speech)
        elif float16:
            exported = halve_weights(exported)
        exported.save(output)
    size = output.stat().st_size
    if as_json:
        about = {"precision": exported.settings.precision, "size": exported.embedding_size}
        print_json({"output": str(output), "bytes": size, **about})
    else:
        tell(
            f"{output}: {size / 1e6:.1f} MB in {exported.settings.precision}, waveforms at 16 kHz "
            f"to embeddings of size {exported.embedding_size}"
        )

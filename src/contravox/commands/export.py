"""``contravox export``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Force, Json, Output, print_json
from contravox.terminal.messages import tell


def export(
    model: Annotated[Path, typer.Argument(help="model.safetensors")],
    output: Annotated[Path, Output],
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write a model as one ONNX graph, from waveforms to embeddings, that needs no PyTorch."""
    from contravox.errors import ModelError
    from contravox.files.outputs import claimed_file
    from contravox.inference.export import export_model, made_of
    from contravox.inference.loading import load_pytorch_model
    from contravox.inference.onnx_model import OnnxModel

    loaded = load_pytorch_model(model)

    def own(path: Path) -> bool:
        try:
            return OnnxModel.load(path).settings.source == made_of(loaded, model)
        except ModelError:
            return False

    with claimed_file(output, ".onnx", inputs=(model,), own=own, force=force):
        exported = export_model(loaded, model)
        exported.save(output)
    size = output.stat().st_size
    if as_json:
        print_json({"output": str(output), "bytes": size, "size": exported.embedding_size})
    else:
        tell(
            f"{output}: {size / 1e6:.1f} MB, waveforms at 16 kHz to embeddings of size "
            f"{exported.embedding_size}"
        )

"""A model's file, of whatever kind, to a model that embeds."""

from pathlib import Path
from typing import TYPE_CHECKING

from contravox.embedding_model import EmbeddingModel
from contravox.errors import ModelError
from contravox.extras import optional_packages
from contravox.inference.default_model import DEFAULT_MODEL

if TYPE_CHECKING:
    from contravox.model import Model

KINDS = (".onnx", ".safetensors")
"""Of model files, by the end of their names."""

_CHECKPOINTS = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".model")
"""What other toolkits write."""


def load_model(path: str | Path | None = None) -> EmbeddingModel:
    """Read a model's file, without one that which comes with contravox; .onnx needs no PyTorch.

    Raises ModelError, naming the file and the mend; MissingExtraError for a file of the kind
    .safetensors where PyTorch is not installed.
    """
    path = DEFAULT_MODEL if path is None else Path(path)
    kind = path.suffix.lower()
    if kind == ".onnx":
        from contravox.inference.onnx_model import OnnxModel

        return OnnxModel.load(path)
    if kind == ".safetensors":
        return load_pytorch_model(path)
    if not path.exists():
        raise ModelError(
            f"{path}: no such model: `contravox train` and `contravox export` make one"
        )
    if kind in _CHECKPOINTS:
        raise ModelError(
            f"{path}: a checkpoint of another toolkit: `contravox convert` makes a model of it"
        )
    raise ModelError(f"{path}: not a model: give a file of the kind {' or '.join(KINDS)}")


def load_pytorch_model(path: Path) -> "Model":
    """Read a file of the kind .safetensors. Raises ModelError, MissingExtraError."""
    if path.suffix.lower() == ".onnx":
        raise ModelError(f"{path}: is ONNX already: give the .safetensors that it was made from")
    with optional_packages(f"{path}:", "export it to .onnx where PyTorch is"):
        from contravox.model import Model
    return Model.load(path)

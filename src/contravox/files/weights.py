"""Trained numbers in safetensors files, which anyone may have written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.overrides import TorchFunctionMode

from contravox.errors import ModelError, brief

LARGEST = 1e10
"""Of a trained number. Products of larger ones leave float32."""


def read_weights(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and the tensors of a safetensors file, by name.

    Raises ModelError where it is not whole, or a tensor is none that training leaves: not finite,
    far too large, a matrix of zeros, a variance below zero.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        if _is_onnx(path):
            named = "" if path.suffix.lower() == ".onnx" else "name it .onnx, and "
            raise ModelError(
                f"{path}: an ONNX file, where .safetensors alone is read: {named}"
                "contravox.Verifier.load reads it"
            ) from error
        raise ModelError(
            f"{path}: not a whole safetensors file ({brief(str(error), 100)}): "
            "copy or train it again"
        ) from error
    for name, tensor in tensors.items():
        reason = wrong_with(name, tensor)
        if reason:
            raise ModelError(f"{path}: {brief(name)} {reason}: copy or train it again")
    return metadata, tensors


def _is_onnx(path: Path) -> bool:
    """Whether a file that is no safetensors is ONNX, by its name or its first bytes."""
    if path.suffix.lower() == ".onnx":
        return True
    try:
        with open(path, "rb") as file:
            start = file.read(3)
    except OSError:
        return False
    # The format's version, as a number of one byte, and then the name of what wrote it.
    return len(start) == 3 and start[0] == 0x08 and start[2] == 0x12


def wrong_with(name: str, tensor: Tensor) -> str | None:
    """Why a tensor cannot be what training left, or None."""
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return None
    low, high = (float(end) for end in tensor.float().aminmax())
    # Neither holds where one of the numbers is NaN.
    if not (low >= -LARGEST and high <= LARGEST):
        return "holds numbers that are not finite, or far too large"
    if low == high == 0 and tensor.ndim > 1 and name.endswith("weight"):
        return "is all zero"
    if low < 0 and name.endswith("running_var"):
        return "holds variances below zero"
    return None


@contextmanager
def without_numbers() -> Iterator[None]:
    """Within, modules get shapes but no numbers, so that any size can be looked at."""
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Random numbers are not drawn: where there are none, PyTorch loads its compiler to do so."""

    def __torch_function__(
        self,
        function: Any,
        types: Sequence[type],
        arguments: tuple[Any, ...] = (),
        keywords: dict[str, Any] | None = None,
    ) -> Any:
        if function is torch.Tensor.normal_:
            return arguments[0]
        return function(*arguments, **(keywords or {}))


def kind_of(tensor: Tensor | None) -> str:
    """Shape and type of a tensor, in words."""
    if tensor is None:
        return "absent"
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"

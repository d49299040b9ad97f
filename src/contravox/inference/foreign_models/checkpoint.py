"""A checkpoint of another toolkit, of which nothing but numbers is read."""

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from contravox.errors import ModelError, brief
from contravox.files.weights import read_weights, wrong_with
from contravox.inference.foreign_models.foreign_model import Weights

LARGEST = 2**32
"""Bytes of a checkpoint that is opened."""

_WRAPPINGS = ("state_dict", "model_state_dict", "model", "embedding_model")
"""Under which toolkits keep weights beside the state of a training."""
_PREFIXES = ("module.", "model.", "_orig_mod.", "encoder.", "embedding_model.", "__S__.")
_OF_TRAINING = re.compile(r"(__L__|projection|classifier|loss)\.")
"""Classes of the training speakers: no part of a model that embeds."""


def read_checkpoint(path: Path) -> Weights:
    """The weights of a model by their names, float32, without what wraps and precedes them.

    Code in the file is not run. Raises ModelError, naming the file and the mend.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    if path.stat().st_size > LARGEST:
        raise ModelError(
            f"{path}: {path.stat().st_size / 2**30:.0f} GiB large, checkpoints of up to "
            f"{LARGEST / 2**30:.0f} GiB are opened: save the weights of the model alone"
        )
    if path.suffix.lower() == ".safetensors":
        _, weights = read_weights(path)
    else:
        weights = _weights_in(_load(path), path)
    weights = _plain_names(weights)
    for name, tensor in weights.items():
        if reason := wrong_with(name, tensor):
            raise ModelError(f"{path}: {brief(name)} {reason}: copy or train it again")
    return weights


def _load(path: Path) -> Any:
    """What was pickled, of which only tensors and plain containers are made."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path}: {_why(error)}: what is not numbers is not read; where it was made, save "
            "the weights alone (torch.save(model.state_dict(), …))"
        ) from error
    # What broken bytes make of a pickle has no bounds.
    except Exception as error:
        raise ModelError(f"{path}: {_why_broken(path, error)}") from error


def _why(error: Exception) -> str:
    found = re.search(r"GLOBAL ([\w.]+)", str(error))
    if found:
        return f"a checkpoint that would run {brief(found[1], 60)}"
    return "not a checkpoint of PyTorch, or one with code in it"


def _why_broken(path: Path, error: Exception) -> str:
    if "TorchScript" in str(error):
        return "a TorchScript program, which is not run: save the weights of the model alone"
    if _is_zip(path):
        return f"a checkpoint that is damaged or cut short ({brief(str(error), 80)}): copy it again"
    return "not a checkpoint of PyTorch, or cut short: copy it again"


def _is_zip(path: Path) -> bool:
    """By how it begins: zipfile looks at how it ends, and fails where that is broken."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _weights_in(loaded: Any, path: Path) -> Weights:
    """The mapping of names to tensors, wherever it lies."""
    for _ in range(3):
        if not isinstance(loaded, Mapping):
            break
        if any(isinstance(value, Tensor) for value in loaded.values()):
            return {
                str(name): _float32(value)
                for name, value in loaded.items()
                if isinstance(value, Tensor)
            }
        inner = [loaded[key] for key in _WRAPPINGS if isinstance(loaded.get(key), Mapping)]
        loaded = inner[0] if inner else None
    raise ModelError(f"{path}: a checkpoint without the weights of a model: give that of the model")


def _float32(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    return tensor.float() if tensor.is_floating_point() else tensor


def _plain_names(weights: Weights) -> Weights:
    """Without what stands before all names, and without what serves training alone."""
    while weights:
        weights = {name: each for name, each in weights.items() if not _OF_TRAINING.match(name)}
        [*prefixes] = (
            prefix for prefix in _PREFIXES if all(name.startswith(prefix) for name in weights)
        )
        if not prefixes:
            break
        weights = {name.removeprefix(prefixes[0]): each for name, each in weights.items()}
    return weights

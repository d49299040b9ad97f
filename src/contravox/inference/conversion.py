"""Whatever holds a model, of ours or of others, to a model of the kind that is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contravox.embedding_model import METADATA_KEY, EmbeddingModel
from contravox.errors import ModelError
from contravox.extras import optional_packages
from contravox.features import FeatureSettings
from contravox.files.weights import read_weights
from contravox.inference.foreign_models.from_checkpoint import convert_checkpoint
from contravox.inference.hub import HUB, fetch_from_hub
from contravox.model import Model


@dataclass(frozen=True)
class Converted:
    """Another toolkit's model, as one of ours.

    origin: what it was recognised as, in words. features: what it sees of a waveform, or None
    where that is in its graph. remarks: what could not be told and was taken to be as usual.
    """

    model: EmbeddingModel
    origin: str
    features: FeatureSettings | None
    remarks: tuple[str, ...] = ()


def convert_model(
    given: str, kind: str, front_end: Mapping[str, Any], output_name: str | None = None
) -> tuple[Path, Converted]:
    """Read a checkpoint, an ONNX file or a model of ours; returns its path here, and the model.

    given: a path, or an address of the hub. kind: .onnx or .safetensors. front_end: settings of
    features that replace the usual ones; output_name: of the embedding, where a graph gives more.

    Raises ModelError, naming the file and the mend; MissingExtraError.
    """
    path, source = Path(given), Path(given).name
    if given.startswith(HUB):
        path, source = fetch_from_hub(given)
    if path.suffix.lower() == ".onnx":
        return path, _of_graph(path, source, kind, front_end, output_name)
    if output_name is not None:
        raise ModelError(f"{path}: no ONNX file, of which alone an output has a name")
    if _is_ours(path):
        converted = _of_ours(path, kind, front_end)
    else:
        made, foreign = convert_checkpoint(path, source, front_end)
        converted = Converted(made, foreign.origin, foreign.features, foreign.remarks)
    if kind == ".safetensors":
        return path, converted
    return path, _as_graph(converted, source)


def _is_ours(path: Path) -> bool:
    if path.suffix.lower() != ".safetensors" or not path.is_file():
        return False
    metadata, _ = read_weights(path)
    return METADATA_KEY in metadata


def _of_ours(path: Path, kind: str, front_end: Mapping[str, Any]) -> Converted:
    if kind == ".safetensors":
        raise ModelError(
            f"{path}: is a contravox model already: name the output .onnx to export it"
        )
    if front_end:
        raise ModelError(
            f"{path}: a contravox model, whose front-end is known: leave "
            f"{', '.join(sorted(front_end))} out"
        )
    model = Model.load(path)
    return Converted(model, f"contravox's {model.settings.encoder.name}", model.settings.features)


def _as_graph(converted: Converted, source: str) -> Converted:
    from contravox.inference.export import export_model

    assert isinstance(converted.model, Model)
    exported = export_model(converted.model, source)
    if converted.model.settings.source is not None:
        exported.annotate(source=converted.model.settings.source)
    return Converted(exported, converted.origin, converted.features, converted.remarks)


def _of_graph(
    path: Path, source: str, kind: str, front_end: Mapping[str, Any], output_name: str | None
) -> Converted:
    if kind != ".onnx":
        raise ModelError(f"{path}: an ONNX file, of which an ONNX file is made: name the output so")
    with optional_packages(f"{path}: converting it"):
        from contravox.inference.foreign_models.from_graph import convert_graph
    composed = convert_graph(path, source, front_end, output_name)
    return Converted(composed.model, f"a graph that {composed.found.words}", composed.features)

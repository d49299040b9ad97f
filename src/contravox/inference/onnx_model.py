"""A model as one ONNX graph, from waveforms to embeddings: used without PyTorch."""

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from pydantic import Field

from contravox.embedding_model import (
    EDITION,
    METADATA_KEY,
    EmbeddingModel,
    ModelDescription,
    padded,
    read_settings,
    settings_text,
)
from contravox.errors import ModelError, brief
from contravox.files.writing import atomic_path
from contravox.inference.onnx_file import OnnxFile

WAVEFORMS, LENGTHS, EMBEDDINGS = "waveforms", "lengths", "embeddings"
"""What the graph takes, (N, samples) float32 at 16 kHz and (N,) int64, and gives, (N, d) float32.
Samples past a row's length change nothing."""


class OnnxSettings(ModelDescription):
    """What the metadata of an ONNX model says, beside what is said of every model.

    architecture: of the encoder, in words. source: the file or repository that it was made from,
    with its digest. parameters: trained numbers. precision: of the weights. sample_rate: in Hz.
    highest_frequency: upper limit in Hz of what the front-end looks at. alone: whether waveforms
    are embedded one by one, as a graph of others knows nothing of padding.
    """

    architecture: str = Field(max_length=1000)
    source: str
    parameters: int = Field(ge=0)
    precision: Literal["float32", "float16", "int8"] = "float32"
    sample_rate: Literal[16_000] = 16_000
    highest_frequency: float = Field(8000.0, gt=0, le=8000)
    alone: bool = False


class OnnxModel(EmbeddingModel):
    """Waveforms to embeddings, in ONNX Runtime.

    A file is looked at before it is opened (see ``OnnxFile``): opening it executes nothing but
    ONNX's operators on its own numbers.
    """

    settings: OnnxSettings

    def __init__(self, file: OnnxFile, settings: OnnxSettings, name: str | Path) -> None:
        """name: of the file, for messages. Raises ModelError where the graph is none of ours."""
        self.settings = settings
        self.file = file
        self.session = open_session(file.graph, name)
        _check_ends(self.session, name)

    @property
    def embedding_size(self) -> int:
        return int(self.session.get_outputs()[0].shape[1])

    @property
    def highest_frequency(self) -> float:
        return self.settings.highest_frequency

    @property
    def parameter_count(self) -> int:
        return self.settings.parameters

    @property
    def digest(self) -> str:
        settings = self.settings.model_dump_json(include={"maximum_seconds", "speech_only"})
        known = f"{EDITION} {self._graph_digest} {settings}"
        return hashlib.blake2b(known.encode(), digest_size=16).hexdigest()

    @cached_property
    def _graph_digest(self) -> str:
        return self.file.digest.hex()

    def save(self, path: str | Path) -> None:
        with atomic_path(Path(path)) as temporary:
            temporary.write_bytes(
                self.file.with_metadata(METADATA_KEY, settings_text(self.settings))
            )

    @classmethod
    def load(cls, path: str | Path) -> "OnnxModel":
        """Read what ``save``, ``export`` or ``convert`` wrote. Raises ModelError."""
        file = OnnxFile.read(Path(path))
        no_model = "an ONNX file, but not a contravox model: `contravox convert` makes one of it"
        return cls(file, read_settings(Path(path), file.metadata, OnnxSettings, no_model), path)

    def _encode(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        if self.settings.alone and len(waveforms) > 1:
            return np.concatenate([self._encode([waveform]) for waveform in waveforms])
        rows, lengths = padded(waveforms)
        try:
            [vectors] = self.session.run([EMBEDDINGS], {WAVEFORMS: rows, LENGTHS: lengths})
        # What the graph itself cannot do, such as with a recording shorter than it takes.
        except RuntimeErrors as error:
            raise ModelError(
                f"ONNX Runtime cannot run the model ({brief(_reason(error), 200)}): leave the "
                "recording out, or export the model again"
            ) from error
        return np.asarray(vectors, np.float32)


RuntimeErrors = (
    onnxruntime.capi.onnxruntime_pybind11_state.Fail,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf,
    onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented,
    onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException,
    UnicodeDecodeError,  # What it says quotes a name that is no text.
)


def open_session(graph: bytes, name: str | Path) -> onnxruntime.InferenceSession:
    """name: of the graph's file, for messages. Raises ModelError where it cannot be run."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal():
        options.intra_op_num_threads = int(threads)
    try:
        # It would otherwise print that it tries the same once more.
        return onnxruntime.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except RuntimeErrors as error:
        raise ModelError(
            f"{name}: ONNX Runtime {onnxruntime.__version__} cannot run it "
            f"({brief(_reason(error), 200)}): copy or export it again"
        ) from error


def _check_ends(session: onnxruntime.InferenceSession, name: str | Path) -> None:
    """Raise ModelError where a graph takes or gives something else than a model of ours."""
    takes = [(each.name, each.type, len(each.shape)) for each in session.get_inputs()]
    gives = [(each.name, each.type, len(each.shape)) for each in session.get_outputs()]
    wanted = [(WAVEFORMS, "tensor(float)", 2), (LENGTHS, "tensor(int64)", 1)]
    size = session.get_outputs()[0].shape[-1] if gives == [(EMBEDDINGS, "tensor(float)", 2)] else 0
    if sorted(takes) != sorted(wanted) or not isinstance(size, int) or size < 1:
        raise ModelError(
            f"{name}: its graph takes {_told(takes)} and gives {_told(gives)}, where a contravox "
            f"model takes {WAVEFORMS} (N, samples) and {LENGTHS} (N) and gives {EMBEDDINGS} "
            "(N, d): `contravox convert` makes one of it"
        )


def _told(tensors: Sequence[tuple[str, str, int]]) -> str:
    return brief(", ".join(f"{name} {kind}" for name, kind, _ in tensors), 100)


def _reason(error: Exception) -> str:
    """What ONNX Runtime says, without its numbers."""
    return str(error).partition(" : ")[2].removeprefix("FAIL : ") or str(error)

"""What inference knows of a model, whatever runs it."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from contravox.audio.waveform import SAMPLE_RATE
from contravox.errors import AudioError, ModelError, brief
from contravox.scoring.calibration import Calibration
from contravox.scoring.scorer import Comparison
from contravox.settings import NotNegative, Settings, Share, first_mistake, shown

EDITION = 2
"""Raised when the same file would give other embeddings of the same recording than before: when
reading, features or encoders compute something else. Embeddings kept before are then forgotten."""


METADATA_KEY = "contravox"
"""Under which a file's metadata hold a model's settings, whatever the kind of the file."""

FORMAT = 1
"""Of these; raised when what was written before can no longer be read."""


class ModelDescription(Settings):
    """Everything about a model but its front-end, encoder and weights.

    comparison: what its embeddings are for. threshold: score by it from which two recordings count
    as the same speaker, or None where none was set; threshold_source: the trials it was set on.
    calibration: of such scores, and what they were learned on: calibration_source, and digests of
    the speakers there: calibrated_on. labels_used: whether speaker labels were used in training,
    which took training_seconds; objective_shares: of the encoder's gradient in its last stage, by
    objective; trained_on: digests of the training's speakers (see ``trained_on``),
    recordings_trained_on: how many recordings' digests lie in the file beside it. All but the
    shares include what it was trained from.
    maximum_seconds: of audio that is encoded at once; longer recordings are embedded in pieces (see
    ``EmbeddingModel.embed``). speech_only: whether who embeds a recording leaves out what is not
    speech (see ``only_speech``). licence; provenance: what it was made of, in words.
    """

    comparison: Comparison = "cosine"
    threshold: float | None = None
    threshold_source: str | None = None
    calibration: Calibration | None = None
    calibration_source: str | None = None
    calibrated_on: tuple[str, ...] = ()
    labels_used: bool = True
    training_seconds: NotNegative = 0.0
    objective_shares: Mapping[str, Share] = Field(default_factory=dict)
    trained_on: tuple[str, ...] = ()
    recordings_trained_on: int = Field(0, ge=0, le=10**12)
    maximum_seconds: float = Field(60.0, ge=1.0, le=3600.0)
    speech_only: bool = False
    licence: str | None = Field(None, max_length=1000)
    provenance: str | None = Field(None, max_length=10_000)


Known = TypeVar("Known", bound=ModelDescription)


class EmbeddingModel(ABC):
    """Waveforms to embeddings. ``inference.loading.load_model`` reads one from a file."""

    settings: ModelDescription

    @property
    @abstractmethod
    def embedding_size(self) -> int:
        """d, numbers in an embedding."""

    @property
    @abstractmethod
    def highest_frequency(self) -> float:
        """Upper limit in Hz of what its front-end looks at."""

    @property
    @abstractmethod
    def parameter_count(self) -> int:
        """Trained numbers in the encoder."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """A name for what decides its embeddings, and for nothing else; 32 digits."""

    @abstractmethod
    def save(self, path: str | Path) -> None:
        """Write it to one file, whole or not at all. Raises OutputError."""

    @abstractmethod
    def _encode(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """(N, d) embeddings of N waveforms in one go."""

    def annotate(self, **settings: Any) -> None:
        """Note more about the model, such as its threshold, before saving it."""
        known = type(self.settings)
        self.settings = known.model_validate({**dict(self.settings), **settings})

    def embed(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Embed N waveforms, each (samples,) of floats at 16 kHz, of any lengths.

        At most ``settings.maximum_seconds`` are encoded at once, which bounds the memory. A longer
        waveform is cut into as few pieces of equal length as that takes, and its embedding is the
        mean of theirs.

        Returns (N, d) float32, finite, not zero and not normalised. What a waveform is embedded
        beside does not matter. Raises ModelError where an embedding is not finite or is zero,
        AudioError for what is no waveform.
        """
        longest = int(self.settings.maximum_seconds * SAMPLE_RATE)
        checked = _checked(waveforms)
        if not checked:
            return np.empty((0, self.embedding_size), np.float32)
        pieces, counts = [], []
        for waveform in checked:
            counts.append(max(1, -(-len(waveform) // longest)))
            pieces += np.array_split(waveform, counts[-1])
        encoded = [self._encode(batch) for batch in _batches(pieces, longest)]
        parts = np.split(np.concatenate(encoded), np.cumsum(counts)[:-1])
        vectors = np.stack([part.mean(axis=0) for part in parts])
        with np.errstate(over="ignore", under="ignore"):
            lengths = np.linalg.norm(vectors, axis=1)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise ModelError(
                "the model's embedding is zero or not finite: leave the recording out, or, where "
                "others are so too, copy or train the model again"
            )
        return vectors


def padded(
    waveforms: Sequence[NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """N waveforms of any lengths as (N, samples), zeros after each one's end, and (N,) lengths."""
    lengths = np.array([len(waveform) for waveform in waveforms], np.int64)
    rows = np.zeros((len(waveforms), lengths.max()), np.float32)
    for row, waveform in zip(rows, waveforms, strict=True):
        row[: len(waveform)] = waveform
    return rows, lengths


def settings_text(settings: ModelDescription) -> str:
    """What a model's file holds under METADATA_KEY."""
    return json.dumps({"format": FORMAT, "settings": settings.model_dump(mode="json")})


def read_settings(
    path: Path, metadata: Mapping[str, str], known: type[Known], no_model: str
) -> Known:
    """What ``settings_text`` wrote.

    no_model: what to say of a file that holds nothing of the kind.

    Raises ModelError.
    """
    try:
        header = json.loads(metadata[METADATA_KEY])
        edition, settings = header.get("format"), header.get("settings")
    # A number of too many digits is a ValueError; a list has no get.
    except (KeyError, ValueError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path}: {no_model}") from error
    if edition != FORMAT:
        raise ModelError(
            f"{path}: written in format {shown(edition)}, this contravox reads {FORMAT}: "
            "install the contravox that wrote it"
        )
    try:
        return known.model_validate(settings)
    except ValidationError as error:
        keys, reason, _ = first_mistake(error, settings)
        raise ModelError(
            f"{path}: its settings do not fit this version of contravox "
            f"({'.'.join(['settings', *keys])}: {reason}): install the contravox that wrote it"
        ) from error


def _checked(waveforms: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Waveforms as arrays. Raises AudioError naming the first that is none."""
    if isinstance(waveforms, str | bytes | Path) or not isinstance(waveforms, Iterable):
        raise AudioError(
            f"{brief(type(waveforms).__name__)} is no list of waveforms: give arrays of (samples,) "
            "floats at 16 kHz, or a file to contravox.Verifier.embed"
        )
    arrays = []
    for number, waveform in enumerate(waveforms):
        try:
            array = np.asarray(waveform)
        # Lists of unlike lengths, and what another library keeps elsewhere.
        except (TypeError, ValueError) as error:
            raise AudioError(
                f"waveform {number} is no array ({brief(str(error))}): give (samples,) floats at "
                "16 kHz"
            ) from error
        if array.ndim != 1 or not array.size or array.dtype.kind != "f":
            raise AudioError(
                f"waveform {number} is an array of {brief(str(array.dtype), 40)} of the shape "
                f"{brief(str(array.shape), 40)}: give a list of (samples,) floats at 16 kHz"
            )
        arrays.append(array)
    return arrays


def _batches(
    waveforms: Sequence[NDArray[np.float32]], most: int
) -> Iterator[list[NDArray[np.float32]]]:
    """Waveforms in their order, in batches of at most so many samples, padding counted."""
    batch: list[NDArray[np.float32]] = []
    longest = 0
    for waveform in waveforms:
        longest = max(longest, len(waveform))
        if batch and longest * (len(batch) + 1) > most:
            yield batch
            batch, longest = [], len(waveform)
        batch.append(waveform)
    if batch:
        yield batch

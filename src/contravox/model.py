"""A trained system in one file: front-end, encoder, and the threshold it was given."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, ValidationError
from safetensors.torch import save
from torch import Tensor, nn

from contravox.audio.waveform import SAMPLE_RATE
from contravox.encoders import EncoderSettings, build_encoder
from contravox.encoders.encoder import EncoderOutput
from contravox.errors import ModelError, brief
from contravox.features import FeatureSettings, LogMelFilterbank
from contravox.files.weights import kind_of, read_weights, without_numbers
from contravox.files.writing import atomic_path
from contravox.scoring.calibration import Calibration
from contravox.scoring.scorer import Comparison
from contravox.settings import NotNegative, Settings, first_mistake, shown

FORMAT = 1
"""Raised when a file written before can no longer be read."""


EDITION = 2
"""Raised when the same file would give other embeddings of the same recording than before: when
reading, features or encoders compute something else. Embeddings kept before are then forgotten."""


class ModelSettings(Settings):
    """Everything about a model but its weights.

    comparison: what its embeddings are for. threshold: score by it from which two recordings count
    as the same speaker, or None where none was set; threshold_source: the trials it was set on.
    calibration: of such scores, and what they were learned on: calibration_source. labels_used:
    whether speaker labels were used in training, which took training_seconds; trained_on: digests
    of the training's speakers (see ``overlap``). These three include what it was trained from.
    maximum_seconds: of audio that is encoded at once; longer recordings are embedded in pieces (see
    ``Model.embed``). speech_only: whether who embeds a recording leaves out what is not speech (see
    ``only_speech``).
    """

    features: FeatureSettings = FeatureSettings()
    encoder: EncoderSettings
    comparison: Comparison = "cosine"
    threshold: float | None = None
    threshold_source: str | None = None
    calibration: Calibration | None = None
    calibration_source: str | None = None
    labels_used: bool = True
    training_seconds: NotNegative = 0.0
    trained_on: tuple[str, ...] = ()
    maximum_seconds: float = Field(60.0, ge=1.0, le=3600.0)
    speech_only: bool = False


class Model(nn.Module):
    """Waveforms to embeddings.

    A model needs nothing else to embed: its file holds the settings of its front-end and encoder
    beside the weights, and loading it executes nothing.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.features = LogMelFilterbank(settings.features)
        self.encoder = build_encoder(settings.encoder, settings.features.bins)

    @property
    def embedding_size(self) -> int:
        """d, numbers in an embedding."""
        return self.encoder.embedding_size

    @property
    def parameter_count(self) -> int:
        """Trainable numbers in the encoder."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def digest(self) -> str:
        """A name for what decides its embeddings: front-end, encoder, weights and this code's
        edition; 32 digits."""
        settings = self.settings.model_dump_json(
            include={"features", "encoder", "maximum_seconds", "speech_only"}
        )
        digest = hashlib.blake2b(f"{EDITION} {settings}".encode(), digest_size=16)
        for name, tensor in self.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy())
        return digest.hexdigest()

    def forward(self, waveforms: Tensor, lengths: Tensor) -> EncoderOutput:
        """Encode (N, samples) waveforms at 16 kHz, of which ``lengths`` (N,) samples are valid."""
        return self.encoder(*self.features(waveforms, lengths))

    def embed(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Embed N waveforms, each (samples,) at 16 kHz, of any lengths.

        At most ``settings.maximum_seconds`` are encoded at once, which bounds the memory. A longer
        waveform is cut into as few pieces of equal length as that takes, and its embedding is the
        mean of theirs.

        Returns (N, d) float32, finite, not zero and not normalised. What a waveform is embedded
        beside does not matter. Raises ModelError where an embedding is not finite or is zero.
        """
        self.eval()
        longest = int(self.settings.maximum_seconds * SAMPLE_RATE)
        pieces, counts = [], []
        for waveform in waveforms:
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

    @torch.inference_mode()
    def _encode(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """(N, d) embeddings of N waveforms in one go."""
        device = next(self.parameters()).device
        lengths = torch.tensor([len(waveform) for waveform in waveforms])
        padded = torch.zeros(len(waveforms), int(lengths.max()))
        for row, waveform in zip(padded, waveforms, strict=True):
            row[: len(waveform)] = torch.from_numpy(waveform)
        return self(padded.to(device), lengths.to(device)).embedding.float().cpu().numpy()

    def annotate(self, **settings: Any) -> None:
        """Note more about the model, such as its threshold, before saving it."""
        self.settings = ModelSettings.model_validate({**dict(self.settings), **settings})

    def save(self, path: str | Path) -> None:
        """Write one safetensors file, whole or not at all. Raises OutputError."""
        header = {"format": FORMAT, "settings": self.settings.model_dump(mode="json")}
        weights = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        with atomic_path(Path(path)) as temporary:
            # Written by Python, whose error on a full disk can be told from others.
            temporary.write_bytes(save(weights, metadata={"contravox": json.dumps(header)}))

    @classmethod
    def load(cls, path: str | Path, *, device: str | torch.device = "cpu") -> "Model":
        """Read what ``save`` wrote. Raises ModelError, naming the file and the mend."""
        path = Path(path)
        if not path.is_file():
            raise ModelError(f"{path}: no such model: `contravox train` writes one")
        metadata, weights = read_weights(path)
        settings = _read_settings(path, metadata)
        # Sizes are compared before they are believed.
        with without_numbers():
            encoder = build_encoder(settings.encoder, settings.features.bins).state_dict()
        _check_shapes(path, {f"encoder.{name}": each for name, each in encoder.items()}, weights)
        model = cls(settings)
        model.load_state_dict(weights)
        return model.eval().to(device)


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


def _read_settings(path: Path, metadata: Mapping[str, str]) -> ModelSettings:
    try:
        header = json.loads(metadata["contravox"])
        edition, settings = header.get("format"), header.get("settings")
    # A number of too many digits is a ValueError; a list has no get.
    except (KeyError, ValueError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{path}: a safetensors file, but not a contravox model: train one with "
            "`contravox train`"
        ) from error
    if edition != FORMAT:
        raise ModelError(
            f"{path}: written in format {shown(edition)}, this contravox reads {FORMAT}: "
            "install the contravox that wrote it"
        )
    try:
        return ModelSettings.model_validate(settings)
    except ValidationError as error:
        keys, reason, _ = first_mistake(error, settings)
        raise ModelError(
            f"{path}: its settings do not fit this version of contravox "
            f"({'.'.join(['settings', *keys])}: {reason}): install the contravox that wrote it"
        ) from error


def _check_shapes(
    path: Path, expected: Mapping[str, Tensor], weights: Mapping[str, Tensor]
) -> None:
    """Raise ModelError where weights are not those of a model's settings."""
    for name in sorted(expected.keys() | weights.keys()):
        if kind_of(expected.get(name)) != kind_of(weights.get(name)):
            raise ModelError(
                f"{path}: its weights and settings do not fit this version of contravox "
                f"({brief(name)} is {kind_of(weights.get(name))} where its settings say "
                f"{kind_of(expected.get(name))}): install the contravox that wrote it"
            )

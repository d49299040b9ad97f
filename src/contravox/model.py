"""A trained system in one file: front-end, encoder, and the threshold it was given."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from contravox.embedding_model import (
    EDITION,
    METADATA_KEY,
    EmbeddingModel,
    ModelDescription,
    padded,
    read_settings,
    settings_text,
)
from contravox.encoders import EncoderSettings
from contravox.encoders.encoder import EncoderOutput
from contravox.errors import ModelError, brief
from contravox.features import FeatureSettings, LogMelFilterbank
from contravox.files.weights import kind_of, read_weights, without_numbers
from contravox.files.writing import atomic_path


class ModelSettings(ModelDescription):
    """Everything about a model but its weights: see ``ModelDescription`` for the rest.

    source: of weights that another toolkit trained: file or repository, whose they are, digest.
    """

    source: str | None = None
    features: FeatureSettings = FeatureSettings()
    encoder: EncoderSettings


class Model(nn.Module, EmbeddingModel):
    """Waveforms to embeddings, in PyTorch.

    A model needs nothing else to embed: its file holds the settings of its front-end and encoder
    beside the weights, and loading it executes nothing.
    """

    settings: ModelSettings

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.features = LogMelFilterbank(settings.features)
        self.encoder = settings.encoder.build(settings.features.bins)

    @property
    def embedding_size(self) -> int:
        """d, numbers in an embedding."""
        return self.encoder.embedding_size

    @property
    def highest_frequency(self) -> float:
        return self.settings.features.highest_frequency

    @property
    def parameter_count(self) -> int:
        """Trainable numbers in the encoder."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def digest(self) -> str:
        """A name for what decides its embeddings, 32 digits.

        Of front-end, encoder, weights and this code's edition.
        """
        known = json.loads(self.settings.model_dump_json())
        decides = ("features", "encoder", "maximum_seconds", "speech_only")
        settings = json.dumps({name: known[name] for name in decides}, separators=(",", ":"))
        digest = hashlib.blake2b(f"{EDITION} {settings}".encode(), digest_size=16)
        for name, tensor in self.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy())
        return digest.hexdigest()

    def forward(self, waveforms: Tensor, lengths: Tensor) -> EncoderOutput:
        """Encode (N, samples) waveforms at 16 kHz, of which ``lengths`` (N,) samples are valid."""
        return self.encoder(*self.features(waveforms, lengths))

    @torch.inference_mode()
    def _encode(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """(N, d) embeddings of N waveforms in one go."""
        self.eval()
        device = next(self.parameters()).device
        rows, lengths = (torch.from_numpy(each).to(device) for each in padded(waveforms))
        return self(rows, lengths).embedding.float().cpu().numpy()

    def save(self, path: str | Path) -> None:
        """Write one safetensors file, whole or not at all. Raises OutputError."""
        weights = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        with atomic_path(Path(path)) as temporary:
            # Written by Python, whose error on a full disk can be told from others.
            temporary.write_bytes(
                save(weights, metadata={METADATA_KEY: settings_text(self.settings)})
            )

    @classmethod
    def load(cls, path: str | Path, *, device: str | torch.device = "cpu") -> "Model":
        """Read what ``save`` wrote. Raises ModelError, naming the file and the mend."""
        path = Path(path)
        if not path.is_file():
            raise ModelError(f"{path}: no such model: `contravox train` writes one")
        metadata, weights = read_weights(path)
        no_model = "a safetensors file, but not a contravox model: train one with `contravox train`"
        settings = read_settings(path, metadata, ModelSettings, no_model)
        # Sizes are compared before they are believed.
        with without_numbers():
            encoder = settings.encoder.build(settings.features.bins).state_dict()
        _check_shapes(path, {f"encoder.{name}": each for name, each in encoder.items()}, weights)
        model = cls(settings)
        model.load_state_dict(weights)
        return model.eval().to(device)


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

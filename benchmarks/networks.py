"""Networks from waveforms (N, samples) at 16 kHz to embeddings (N, d): ours, and others'.

Others' are built of their own code, from folders where their repositories are checked out; of what
that imports and these networks do not use, stand-ins are given: WeSpeaker's command line, librosa
for one matrix of filters, and the type checks of an old typeguard. It needs besides, beside what
this project does: torchaudio, and for SpeechBrain hyperpyyaml, sentencepiece and joblib.
"""

import importlib
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from contravox.encoders import EcapaTdnnSettings, FastResNet34Settings, MfaConformerSettings
from contravox.features import FeatureSettings
from contravox.model import Model, ModelSettings
from filter_banks import BINS, native_filter_bank

Build = Callable[[], nn.Module]

EMBEDDING_SIZE = 192
OWN = {
    "ECAPA-TDNN, C = 512": ModelSettings(encoder=EcapaTdnnSettings()),
    "ECAPA-TDNN, C = 1024": ModelSettings(encoder=EcapaTdnnSettings(channels=1024)),
    "MFA-Conformer": ModelSettings(encoder=MfaConformerSettings()),
    "Fast ResNet-34": ModelSettings(
        encoder=FastResNet34Settings(),
        features=FeatureSettings(bins=40, normalisation="mean_variance"),
    ),
}
"""Of each architecture, our model in its published size."""


def own_model(architecture: str) -> Model:
    """A model of ours with weights as drawn."""
    torch.manual_seed(0)
    return Model(OWN[architecture]).eval()


@dataclass(frozen=True)
class Repositories:
    """Folders where others' repositories are checked out, None where they are not."""

    wespeaker: Path | None = None
    mfa_conformer: Path | None = None
    voxceleb_trainer: Path | None = None
    speechbrain: Path | None = None

    def missing(self) -> list[str]:
        """The names of those that are not there."""
        return [name for name, folder in vars(self).items() if folder is None]


def _import(module: str, *folders: Path, **stand_ins: dict[str, Any]) -> Any:
    """A module of a repository, with modules of a few names in the place of others."""
    for name, contents in stand_ins.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(contents)
    sys.path[:0] = map(str, folders)
    return importlib.import_module(module)


class WeSpeakerFeatures:
    """Kaldi's filter bank by kaldi-native-fbank, the mean taken out: what WeSpeaker's graphs take.

    Quicker than what its command line calls, torchaudio's.
    """

    def __call__(self, waveforms: Tensor) -> Tensor:
        """(N, samples) to (N, frames, bins)."""
        features = np.stack([native_filter_bank(each) for each in waveforms.numpy()])
        return torch.from_numpy(features - features.mean(axis=1, keepdims=True))


class WeSpeaker(nn.Module):
    """WeSpeaker's ECAPA-TDNN, whose attention sees the whole segment, as ours does."""

    def __init__(self, folder: Path, channels: int) -> None:
        super().__init__()
        package = {"__path__": [str(folder / "wespeaker")]}
        code = _import("wespeaker.models.ecapa_tdnn", folder, wespeaker=package)
        self.features = WeSpeakerFeatures()
        self.network = code.ECAPA_TDNN(
            channels, feat_dim=BINS, embed_dim=EMBEDDING_SIZE, global_context_att=True
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        """(N, samples) to (N, d)."""
        return self.network(self.features(waveforms))[-1]


class SpeechBrain(nn.Module):
    """SpeechBrain's ECAPA-TDNN with its own filter bank."""

    def __init__(self, folder: Path, channels: int) -> None:
        super().__init__()
        code = _import("speechbrain.lobes.models.ECAPA_TDNN", folder)
        features = importlib.import_module("speechbrain.lobes.features")
        normalise = importlib.import_module("speechbrain.processing.features")
        self.features = features.Fbank(n_mels=BINS)
        self.normalise = normalise.InputNormalization(norm_type="sentence", std_norm=False)
        self.network = code.ECAPA_TDNN(
            BINS, lin_neurons=EMBEDDING_SIZE, channels=[channels] * 4 + [1536]
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        """(N, samples) to (N, d)."""
        features = self.features(waveforms)
        normalised = self.normalise(features, torch.ones(len(waveforms)))
        return self.network(normalised).squeeze(1)


class MfaConformerOfItsAuthors(nn.Module):
    """The MFA-Conformer of its authors' repository, as its recipe sets it, with its features."""

    def __init__(self, folder: Path, speechbrain: Path) -> None:
        super().__init__()
        filters = {"filters": types.SimpleNamespace(mel=lambda **_: np.ones((BINS, 257)) / 257)}
        unchecked = {"check_argument_types": lambda: True}
        code = _import(
            "module.conformer_cat", folder, speechbrain, librosa=filters, typeguard=unchecked
        )
        self.features = importlib.import_module("module.feature").Mel_Spectrogram()
        self.network = code.conformer_cat(
            n_mels=BINS, embedding_dim=EMBEDDING_SIZE, input_layer="conv2d2"
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        """(N, samples) to (N, d)."""
        return self.network(self.features(waveforms))


class VoxcelebTrainer(nn.Module):
    """The Fast ResNet-34 of voxceleb_trainer, front-end and all."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        code = _import("models.ResNetSE34L", folder)
        self.network = code.MainModel(nOut=512)

    def forward(self, waveforms: Tensor) -> Tensor:
        """(N, samples) to (N, d)."""
        return self.network(waveforms)

"""A model of another toolkit to one of ours."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contravox.errors import ModelError
from contravox.features import FeatureSettings
from contravox.files.outputs import fingerprint
from contravox.inference.foreign_models.checkpoint import read_checkpoint
from contravox.inference.foreign_models.foreign_model import ForeignModel
from contravox.inference.foreign_models.recognition import recognise
from contravox.model import Model, ModelSettings
from contravox.settings import first_mistake

_WINDOWS = {"povey": "Povey", "hamming": "Hamming", "hann": "Hann"}
_CONVENTIONS = {"kaldi": "Kaldi", "torchaudio": "torchaudio", "speechbrain": "SpeechBrain"}
_NORMALISATIONS = {
    "none": "as they are",
    "mean": "mean taken out over time",
    "mean_variance": "mean taken out and variance set to one over time",
}


def convert_checkpoint(
    path: Path, source: str, front_end: Mapping[str, Any]
) -> tuple[Model, ForeignModel]:
    """A checkpoint as a model of ours, and what it was recognised as.

    source: what the model shall name as its origin. front_end: settings of features that replace
    those that the toolkit is known for.

    Raises ModelError, naming the file and the mend.
    """
    weights = read_checkpoint(path)
    try:
        known = recognise(weights)
        foreign = replace(known, features=_replaced(known.features, front_end))
        foreign.check()
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    model = Model(
        ModelSettings(
            features=foreign.features,
            encoder=foreign.encoder,
            source=f"{source} ({foreign.origin}), {fingerprint(path)}",
        )
    )
    model.encoder.load_state_dict(foreign.weights)
    return model.eval(), foreign


def in_words(features: FeatureSettings) -> str:
    """Which features a model sees."""
    scale = (
        ", samples up to 1" if features.convention == "kaldi" and not features.full_scale else ""
    )
    return (
        f"{_CONVENTIONS[features.convention]}'s filter bank, {features.bins} bins from "
        f"{features.low_frequency:g} to {features.highest_frequency:g} Hz, "
        f"{_WINDOWS[features.window]} window{scale}, {_NORMALISATIONS[features.normalisation]}"
    )


def _replaced(features: FeatureSettings, front_end: Mapping[str, Any]) -> FeatureSettings:
    try:
        return FeatureSettings.model_validate(features.model_dump() | dict(front_end))
    except ValidationError as error:
        keys, reason, _ = first_mistake(error)
        raise ModelError(f"{' '.join(['front-end', *keys])}: {reason}") from error

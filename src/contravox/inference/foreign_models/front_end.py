"""The features that a model of another toolkit sees."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from contravox.errors import ModelError
from contravox.features import FeatureSettings
from contravox.settings import first_mistake

_WINDOWS = {"povey": "Povey", "hamming": "Hamming", "hann": "Hann"}
_CONVENTIONS = {"kaldi": "Kaldi", "torchaudio": "torchaudio", "speechbrain": "SpeechBrain"}
_NORMALISATIONS = {
    "none": "as they are",
    "mean": "mean taken out over time",
    "mean_variance": "mean taken out and variance set to one over time",
}


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


def with_front_end(features: FeatureSettings, front_end: Mapping[str, Any]) -> FeatureSettings:
    """Features with some of their settings replaced.

    Raises ModelError, of which a file's name is no part.
    """
    try:
        return FeatureSettings.model_validate(features.model_dump() | dict(front_end))
    except ValidationError as error:
        keys, reason, _ = first_mistake(error)
        raise ModelError(f"{' '.join(['front-end', *keys])}: {reason}") from error

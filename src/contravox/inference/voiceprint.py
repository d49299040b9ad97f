"""What is kept of a recording to compare it with others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contravox.audio.given import Audio, audio_source
from contravox.audio.quality import Quality
from contravox.audio.waveform import Channel
from contravox.embedding_model import EmbeddingModel
from contravox.inference.embed import embed_alone
from contravox.inference.recording import RecordingWarning, read_recording


@dataclass(frozen=True)
class Voiceprint:
    """What is kept of a voice.

    vector: (d,) float32, the embedding, not normalised; quality: of the recording, which
    ``name`` names; warnings: what speaks against deciding by it.
    """

    name: str
    vector: NDArray[np.float32]
    quality: Quality
    warnings: tuple[RecordingWarning, ...]


def take_voiceprint(
    model: EmbeddingModel,
    audio: Audio,
    name: str = "audio",
    *,
    channel: Channel = "mean",
    allow_unfit: bool = False,
) -> Voiceprint:
    """Embed a recording, whole, or the speech in it where the model's settings say so.

    name: what to call one that has no path. channel, allow_unfit: see ``read_recording``.

    Raises AudioError for a recording that is missing, not audio, silent, without speech, or
    without a finite embedding.
    """
    recording = read_recording(
        audio_source(audio, name),
        channel=channel,
        speech_only=model.settings.speech_only,
        highest_frequency=model.highest_frequency,
        allow_unfit=allow_unfit,
    )
    # One by one: a short recording beside a long one would be mostly padding.
    vector = embed_alone(model, recording.waveform, recording.name)
    return Voiceprint(recording.name, vector, recording.quality, recording.warnings)

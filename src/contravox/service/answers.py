"""What the service answers where that is not a dataclass of the gallery as it is."""

from dataclasses import dataclass

from contravox.audio.quality import Quality
from contravox.gallery.results import EnrolledSpeaker
from contravox.inference.deciding import Prior
from contravox.inference.recording import RecordingWarning


@dataclass(frozen=True)
class Health:
    """How the service is.

    model: its name; fingerprint: what decides its embeddings. decides: whether the model or the
    gallery know from which score on it is the same speaker.
    """

    status: str
    model: str
    fingerprint: str
    speakers: int
    version: str
    decides: bool


@dataclass(frozen=True)
class HeardRecording(Quality):
    """A recording's quality, beside its name: the field of the form."""

    recording: str


@dataclass(frozen=True)
class Comparison:
    """Are two recordings of one speaker? As ``contravox verify --json`` tells it.

    same_speaker: the decision, or None where there is nothing to decide by. It says nothing of
    whether a recording was played back, or a voice made.
    """

    score: float
    threshold: float | None
    decided_by: str | None
    log_likelihood_ratio: float | None
    probability: float | None
    prior: Prior
    same_speaker: bool | None
    recordings: tuple[HeardRecording, HeardRecording]
    warnings: tuple[RecordingWarning, ...]


@dataclass(frozen=True)
class Speakers:
    """Some of who is enrolled, by name.

    next: the name to ask ``after`` for more, None where these are the last.
    """

    speakers: tuple[EnrolledSpeaker, ...]
    next: str | None

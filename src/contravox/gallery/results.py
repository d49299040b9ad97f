"""What a gallery answers."""

from dataclasses import dataclass

from contravox.inference.deciding import in_per_cent
from contravox.inference.recording import RecordingWarning


@dataclass(frozen=True)
class Match:
    """A speaker beside a recording.

    score: by the gallery's way to compare, normalised where it has a cohort. log_likelihood_ratio:
    natural, that it is this speaker and not a stranger. probability: in ``identify``, that it is
    this speaker and neither another nor nobody; in ``verify_claim``, that it is and not another.
    Both are None where neither model nor gallery is calibrated.
    """

    speaker: str
    score: float
    log_likelihood_ratio: float | None
    probability: float | None


@dataclass(frozen=True)
class _Answer:
    """What decides, and what speaks against deciding.

    threshold: what the score was held against, or None where a calibration decides, or nothing.
    decided_by: where threshold or calibration come from, None where there is nothing to decide by.
    speech_seconds: of the recording. warnings: what speaks against deciding by it.
    """

    threshold: float | None
    decided_by: str | None
    speech_seconds: float
    warnings: tuple[RecordingWarning, ...]


@dataclass(frozen=True)
class Claim(_Answer):
    """Is it who it is said to be?

    accepted: the decision, or None where there is nothing to decide by. match: with the speaker
    claimed. margin: how much higher that score is than that of the best other speaker; below zero,
    somebody else is closer; None where nobody else is enrolled.
    """

    accepted: bool | None
    match: Match
    margin: float | None

    def __str__(self) -> str:
        said = {True: "accepted", False: "rejected", None: "not decided"}[self.accepted]
        return f"{said} as {self.match.speaker} ({_told(self.match, self.threshold)})"


@dataclass(frozen=True)
class Identification(_Answer):
    """Who is it?

    speaker: the decision, None for nobody who is enrolled; decided: whether there was something to
    decide by. nobody: the probability that it is nobody who is enrolled, or None without a
    calibration. matches: the closest speakers, the closest first. margin: of the first over the
    second.
    """

    speaker: str | None
    decided: bool
    nobody: float | None
    matches: tuple[Match, ...]
    margin: float | None

    def __str__(self) -> str:
        if not self.matches:
            return "nobody is enrolled"
        if not self.decided:
            return f"not decided; closest is {self.matches[0].speaker}"
        if self.speaker is not None:
            return f"{self.speaker} ({_told(self.matches[0], self.threshold)})"
        if self.nobody is not None:
            return f"nobody enrolled (probability {in_per_cent(self.nobody)})"
        return "nobody enrolled"


def _told(match: Match, threshold: float | None) -> str:
    told = f"score {match.score:.3f}"
    if threshold is not None:
        told += f", threshold {threshold:.3f}"
    if match.probability is not None:
        told += f", probability {in_per_cent(match.probability)}"
    return told


@dataclass(frozen=True)
class Enrolment:
    """What enrolling did.

    new: whether the speaker was not there before. added: voiceprints; known: recordings given of
    which the very voiceprint was there already; in_all: voiceprints of the speaker now.
    speech_seconds: of those added. warnings: what speaks against the recordings. outliers: those
    added though they do not sound like the others.
    """

    speaker: str
    new: bool
    added: int
    known: int
    in_all: int
    speech_seconds: float
    warnings: tuple[RecordingWarning, ...]
    outliers: tuple["Outlier", ...]


@dataclass(frozen=True)
class Outlier:
    """An utterance unlike the others of its speaker: another voice, or too much noise.

    score: with the mean of the others; log_likelihood_ratio: None where no calibration tells it.
    """

    recording: str
    score: float
    log_likelihood_ratio: float | None

    def __str__(self) -> str:
        told = f"score {self.score:.3f}"
        if self.log_likelihood_ratio is not None:
            told += f", log-likelihood ratio {self.log_likelihood_ratio:.1f}"
        return f"{self.recording} ({told})"


@dataclass(frozen=True)
class EnrolledSpeaker:
    """Who is enrolled.

    utterances: voiceprints; speech_seconds: in all of them; recordings: of them, those whose
    audio is kept; created, changed: UTC, as 2026-11-26T22:14:43Z.
    """

    name: str
    utterances: int
    speech_seconds: float
    recordings: int
    created: str
    changed: str


@dataclass(frozen=True)
class EnrolledUtterance:
    """One of the utterances by which a speaker is enrolled.

    created: UTC; seconds: of the recording; speech_seconds: of the speech in it; recording: whether
    its audio is kept.
    """

    created: str
    seconds: float
    speech_seconds: float
    recording: bool


@dataclass(frozen=True)
class Change:
    """An entry of the log.

    speaker: a number, not a name, so that of who was deleted nothing stays; voiceprints: how many
    came or went.
    """

    number: int
    at: str
    by: str
    action: str
    speaker: int | None
    voiceprints: int


@dataclass(frozen=True)
class Transfer:
    """How many came from one gallery to another, and how many voiceprints were there before."""

    speakers: int
    voiceprints: int
    known: int

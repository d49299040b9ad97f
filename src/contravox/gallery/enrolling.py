"""Utterances of a speaker into a gallery, once they were held against each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from contravox.audio.flac import flac_bytes, sixteen_bits
from contravox.audio.given import Audio, audio_source
from contravox.audio.waveform import Channel, read_audio
from contravox.embedding_model import EmbeddingModel
from contravox.errors import AudioError, OutlierError, quoted
from contravox.gallery.changes import note_change, now
from contravox.gallery.outliers import find_outliers
from contravox.gallery.results import Enrolment, Outlier
from contravox.gallery.storing import (
    Stored,
    add_speaker,
    add_voiceprints,
    find_speaker,
    kept_vectors,
)
from contravox.inference.deciding import Rule
from contravox.inference.voiceprint import Voiceprint

if TYPE_CHECKING:
    from contravox.inference.verifier import Verifier

LEAST_SPEECH = 1.0
"""Seconds of speech, of all its utterances, from which a speaker can be enrolled."""


@dataclass(frozen=True)
class Taken:
    """A voiceprint, and the recording as FLAC, where it is to be kept."""

    voiceprint: Voiceprint
    flac: bytes | None

    @property
    def vector(self) -> NDArray[np.float32]:
        return self.voiceprint.vector.astype(np.float32)

    def stored(self) -> Stored:
        quality = self.voiceprint.quality
        known = (quality.seconds, quality.speech_seconds, quality.bandwidth)
        return Stored(self.vector, *known, now(), self.flac)


def take_utterances(
    verifier: "Verifier",
    audio: Audio | Sequence[Audio],
    *,
    keep_audio: bool,
    channel: Channel,
    allow_unfit: bool,
) -> list[Taken]:
    """The voiceprints of recordings, and these themselves where they are to be kept.

    Raises AudioError.
    """
    taken = []
    for number, each in enumerate(_several(audio), start=1):
        source = audio_source(each, f"recording {number}")
        voiceprint = verifier.embed(source, channel=channel, allow_unfit=allow_unfit)
        flac = None
        if keep_audio:
            waveform = read_audio(source, channel=channel)
            flac = flac_bytes(sixteen_bits(waveform, voiceprint.name))
        taken.append(Taken(voiceprint, flac))
    return taken


def add_utterances(
    connection: Connection,
    name: str,
    taken: Sequence[Taken],
    model: EmbeddingModel,
    rule: Rule,
    by: str,
    *,
    allow_outliers: bool,
    allow_unfit: bool,
) -> Enrolment:
    """Add those that are new to a speaker, who may be new, within a transaction of the caller's.

    rule: by which an utterance is an outlier. by: who does it, for the log.

    Raises AudioError where a new speaker has too little speech; OutlierError.
    """
    speaker = find_speaker(connection, name)
    kept, seconds, bandwidths = kept_vectors(connection, speaker)
    new = _unknown(taken, kept)
    speech = sum(each.voiceprint.quality.speech_seconds for each in new)
    if speaker is None and speech < LEAST_SPEECH and not allow_unfit:
        raise AudioError(
            f"only {speech:.1f} s of speech to enrol {quoted(name, 40)} by, less than "
            f"{LEAST_SPEECH:g} s: record more"
        )
    outliers = find_outliers(
        [each.voiceprint for each in new],
        np.array(kept, np.float32).reshape(len(kept), model.embedding_size),
        seconds,
        bandwidths,
        rule.calibration,
        rule.threshold,
    )
    if outliers and not allow_outliers:
        raise _doubted(name, outliers)
    if new:
        number = add_speaker(connection, name) if speaker is None else speaker
        add_voiceprints(connection, number, model.digest, [each.stored() for each in new])
        note_change(connection, by, "enrolled", number, len(new))
    return Enrolment(
        speaker=name,
        new=speaker is None,
        added=len(new),
        known=len(taken) - len(new),
        in_all=len(kept) + len(new),
        speech_seconds=speech,
        warnings=tuple(doubt for each in taken for doubt in each.voiceprint.warnings),
        outliers=tuple(outliers),
    )


def _several(audio: Audio | Sequence[Audio]) -> list[Any]:
    """A list of recordings, of which one may be given alone. Raises AudioError where none is."""
    if isinstance(audio, list) or (
        isinstance(audio, tuple) and not (len(audio) == 2 and isinstance(audio[0], np.ndarray))
    ):
        if not audio:
            raise AudioError("no recording to enrol by: give one or more")
        return list(audio)
    return [audio]


def _unknown(taken: Sequence[Taken], kept: Sequence[NDArray[np.float32]]) -> list[Taken]:
    """Those whose voiceprint is neither kept nor taken before."""
    seen = {each.tobytes() for each in kept}
    new = {each.vector.tobytes(): each for each in reversed(taken)}
    return [new[known] for known in reversed(new) if known not in seen]


def _doubted(name: str, outliers: Sequence[Outlier]) -> OutlierError:
    told = ", ".join(map(str, outliers[:3])) + (" and others" if len(outliers) > 3 else "")
    return OutlierError(
        f"nothing was enrolled for {quoted(name, 40)}: {told} does not sound like the others: "
        "leave it out, or pass --allow-outliers",
        outliers,
    )

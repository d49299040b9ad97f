"""A recording before it is decided by: what is embedded of it, and what speaks against it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contravox.audio.audio_file import AudioSource
from contravox.audio.channels import ChannelComparison, compare_channels
from contravox.audio.quality import Quality, quality_of
from contravox.audio.speech_activity import only_speech, speech_frames
from contravox.audio.waveform import Channel, level_fault, read_audio, refuse_unusable
from contravox.errors import AudioError

# Where each of these lies is measured: see docs/evaluation.md, "Is a recording worth a decision?",
# whose tables benchmarks/quality.py prints.

LEAST_SPEECH = 0.25
"""Seconds of speech below which nothing is decided."""

ENOUGH_SPEECH = 2.0
"""Seconds of speech below which there is a warning."""

MOST_SILENCE = 0.5
"""Share of a recording without speech above which there is a warning, where it is embedded too."""

NOISY = 15.0
"""Signal-to-noise ratio in decibels below which there is a warning."""

NARROW = 0.9
"""Share of the model's band below which a recording's makes a warning."""

UNLIKE = 0.5
"""Correlation of two channels below which there is a warning."""

CANCELLED = 0.05
"""Power of the mean of two channels, over the mean of their powers, that is too little to use."""

Code = Literal[
    "no_speech",
    "little_speech",
    "mostly_silence",
    "level",
    "noisy",
    "narrow_band",
    "channels_differ",
]


@dataclass(frozen=True)
class RecordingWarning:
    """A reason not to trust a decision.

    code: for programs; recording: its name; message: for people, with the mend.
    """

    code: Code
    recording: str
    message: str

    def __str__(self) -> str:
        return f"{self.recording}: {self.message}"


@dataclass(frozen=True)
class Recording:
    """A recording, made ready to be embedded.

    waveform: (samples,) at 16 kHz, as it is embedded; quality: of the whole recording; warnings:
    what speaks against deciding by it.
    """

    name: str
    waveform: NDArray[np.float32]
    quality: Quality
    warnings: tuple[RecordingWarning, ...]


def read_recording(
    path: AudioSource,
    *,
    channel: Channel = "mean",
    speech_only: bool = False,
    highest_frequency: float = 8000.0,
    allow_unfit: bool = False,
) -> Recording:
    """Read a recording and look whether it is worth a decision.

    channel: of several. speech_only: leave out what is not speech. highest_frequency: of the
    model's band in Hz. allow_unfit: take what is refused otherwise, with a warning.

    Raises AudioError for a recording that is missing, not audio, or silent; whose channels cancel
    each other in their mean; or, unless ``allow_unfit``, with less than LEAST_SPEECH of speech.
    """
    name = str(path)
    channels = compare_channels(path) if channel == "mean" else None
    if channels is not None and channels.kept < CANCELLED:
        raise AudioError(
            f"{name}: its channels cancel each other in their mean: take one of them by "
            "--channel left or right"
        )
    waveform = read_audio(path, channel=channel)
    refuse_unusable(waveform, name)
    speech = speech_frames(waveform)
    quality = quality_of(waveform, speech)
    unfit = _unfit(name, quality)
    if unfit is not None and not allow_unfit:
        raise AudioError(
            f"{unfit}: record more speech, or pass --allow-unfit to compare it all the same"
        )
    warnings = [
        *([] if unfit is None else [unfit]),
        *warnings_of(
            name, waveform, quality, speech_only=speech_only, highest_frequency=highest_frequency
        ),
        *([] if channels is None else _unlike(name, channels)),
    ]
    embedded = only_speech(waveform, speech) if speech_only else waveform
    return Recording(name, embedded if len(embedded) else waveform, quality, tuple(warnings))


def warnings_of(
    name: str,
    waveform: NDArray[np.float32],
    quality: Quality,
    *,
    speech_only: bool = False,
    highest_frequency: float = 8000.0,
) -> list[RecordingWarning]:
    """What speaks against deciding by a (samples,) waveform at 16 kHz, but that it is unfit."""
    found = (
        _scarce(name, quality),
        None if speech_only else _mostly_silent(name, quality),
        _level(name, waveform),
        _noisy(name, quality),
        _narrow(name, quality, highest_frequency),
    )
    return [each for each in found if each is not None]


def _unfit(name: str, quality: Quality) -> RecordingWarning | None:
    if not quality.speech_seconds:
        return RecordingWarning("no_speech", name, f"no speech found in {quality.seconds:.1f} s")
    if quality.speech_seconds < LEAST_SPEECH:
        said = f"only {quality.speech_seconds:.2f} s of speech, less than {LEAST_SPEECH:g} s"
        return RecordingWarning("little_speech", name, said)
    return None


def _scarce(name: str, quality: Quality) -> RecordingWarning | None:
    if not LEAST_SPEECH <= quality.speech_seconds < ENOUGH_SPEECH:
        return None
    return RecordingWarning(
        "little_speech",
        name,
        f"only {quality.speech_seconds:.1f} s of speech: errors are more frequent below "
        f"{ENOUGH_SPEECH:g} s; record more",
    )


def _mostly_silent(name: str, quality: Quality) -> RecordingWarning | None:
    silence = 1 - quality.speech_seconds / quality.seconds
    if silence <= MOST_SILENCE or not quality.speech_seconds:
        return None
    return RecordingWarning(
        "mostly_silence",
        name,
        f"{silence:.0%} of its {quality.seconds:.1f} s are not speech, and the model embeds them "
        "too: cut them off, or use a model of speech_only",
    )


def _level(name: str, waveform: NDArray[np.float32]) -> RecordingWarning | None:
    fault = level_fault(waveform)
    return None if fault is None else RecordingWarning("level", name, fault)


def _noisy(name: str, quality: Quality) -> RecordingWarning | None:
    ratio = quality.signal_to_noise
    if ratio is None or ratio >= NOISY:
        return None
    said = f"speech is only {ratio:.0f} dB above the noise" if ratio > 0 else "noise drowns speech"
    mend = "record it closer to the mouth, or in a quieter place"
    return RecordingWarning("noisy", name, f"{said}: {mend}")


def _narrow(name: str, quality: Quality, highest_frequency: float) -> RecordingWarning | None:
    if quality.bandwidth >= NARROW * highest_frequency:
        return None
    return RecordingWarning(
        "narrow_band",
        name,
        f"nothing above {quality.bandwidth / 1000:.1f} kHz, as on a telephone, where the model "
        f"listens up to {highest_frequency / 1000:g} kHz: use a model for such recordings, or "
        "others",
    )


def _unlike(name: str, channels: ChannelComparison) -> list[RecordingWarning]:
    if channels.correlation >= UNLIKE:
        return []
    message = (
        f"its channels differ (correlation {channels.correlation:.2f}), as the ends of a call do, "
        "and their mean is compared: take one of them by --channel left or right"
    )
    return [RecordingWarning("channels_differ", name, message)]

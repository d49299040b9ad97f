"""A corpus made on the spot: voices of eSpeak NG, in several rooms each.

Not speech of people: it shows a system learn within minutes and says nothing about how well it
would do on a real corpus.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from contravox.audio.flac import flac_bytes, sixteen_bits
from contravox.audio.waveform import SAMPLE_RATE
from contravox.augmentation.music import music
from contravox.augmentation.noise import coloured_noise, mix_at_snr, noise_bursts
from contravox.augmentation.rooms import draw_room, impulse_response, reverberate
from contravox.demo.espeak import ESPEAK_SAMPLE_RATE, Prompt, speak
from contravox.demo.sentences import SENTENCES
from contravox.demo.voices import MOST_VOICES, Voice, draw_voices
from contravox.errors import ManifestError
from contravox.files.writing import write_bytes, write_text

SESSIONS = 3
"""Recording conditions per voice."""

STAMP = "corpus.json"
"""Written when the corpus is complete, with the parameters it was made with."""

EDITION = 2
"""Goes into the stamp; raised whenever the same parameters would give other audio."""


@dataclass(frozen=True)
class Session:
    """Where and how a voice was recorded.

    response: (samples,) of the room; noise: (generator, samples) -> (samples,), of no set level;
    snr: dB; peak: of the recording, where full scale is 1.
    """

    response: NDArray[np.float32]
    noise: Callable[[np.random.Generator, int], NDArray[np.float32]]
    snr: float
    peak: float


def make_synthetic_voices(
    folder: Path,
    *,
    voices: int = 72,
    utterances: int = 12,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> None:
    """Write ``folder/<voice>/<session>/<utterance>.flac``, 16 kHz and 16 bits, 2 to 4 s each.

    Each voice says ``utterances`` different sentences in three sessions, which differ in room,
    noise and level. The same parameters give the same files. Files that are already there are
    kept, so an interrupted call can be repeated; ``folder/corpus.json`` appears when all are done.

    progress: called with the numbers of utterances done and in all.

    Raises MissingExtraError where eSpeak is not installed, ManifestError where the folder holds a
    corpus of other parameters, OutputError where it cannot be written.
    """
    if not 1 <= voices <= MOST_VOICES:
        raise ValueError(f"voices is {voices}, not from 1 to {MOST_VOICES}")
    if not 1 <= utterances <= len(SENTENCES):
        raise ValueError(f"utterances is {utterances}, not from 1 to {len(SENTENCES)}")
    parameters = {"edition": EDITION, "voices": voices, "utterances": utterances, "seed": seed}
    stamp = json.dumps(parameters) + "\n"
    finished, unfinished = folder / STAMP, folder / f"{STAMP}.unfinished"
    _claim(finished, unfinished, stamp)
    sessions = [index * SESSIONS // utterances for index in range(utterances)]
    for number, voice in enumerate(draw_voices(voices, seed)):
        paths = [
            folder / f"voice{number:03d}" / f"session{session}" / f"{index:02d}.flac"
            for index, session in enumerate(sessions)
        ]
        missing = [index for index, path in enumerate(paths) if not path.exists()]
        if missing:
            # All are spoken where one is missing: eSpeak's samples depend on what it said before.
            spoken = _speak_sentences(voice, utterances, np.random.default_rng([seed, 1, number]))
        for index in missing:
            session = draw_session(np.random.default_rng([seed, 2, number, sessions[index]]))
            generator = np.random.default_rng([seed, 3, number, index])
            recording = sixteen_bits(record(spoken[index], session, generator), paths[index])
            write_bytes(paths[index], flac_bytes(recording))
        progress((number + 1) * utterances, voices * utterances)
    if not finished.exists():
        write_text(finished, stamp)
        unfinished.unlink(missing_ok=True)


def draw_session(generator: np.random.Generator) -> Session:
    """Draw a room, a kind of noise and two levels."""
    room = draw_room(generator, decay_times=(0.1, 0.6))
    slope = float(generator.uniform(0, 2))
    noises = (partial(coloured_noise, slope=slope), noise_bursts, music)
    return Session(
        response=impulse_response(room, generator),
        noise=noises[generator.integers(len(noises))],
        snr=float(generator.uniform(5, 25)),
        peak=float(10 ** (generator.uniform(-18, -1) / 20)),
    )


def record(
    speech: NDArray[np.float32], session: Session, generator: np.random.Generator
) -> NDArray[np.float32]:
    """What a session's microphone makes of dry (samples,) speech: in the room, in noise."""
    recording = reverberate(speech, session.response)
    noise = session.noise(generator, len(recording))
    recording = mix_at_snr(recording, noise, session.snr)
    return recording * np.float32(session.peak / np.abs(recording).max())


def _speak_sentences(
    voice: Voice, count: int, generator: np.random.Generator
) -> list[NDArray[np.float32]]:
    """Different sentences at 16 kHz, their pitch and rate a little different each time."""
    prompts = [
        Prompt(
            text=str(text),
            pitch=voice.pitch + int(generator.integers(-8, 9)),
            pitch_range=voice.pitch_range,
            # Scaling the frequencies will also shorten the sentence.
            rate=round(voice.rate * generator.uniform(0.9, 1.1) / voice.formant_scale),
        )
        for text in generator.choice(SENTENCES, count, replace=False)
    ]
    spoken = speak(f"{voice.accent}+{voice.variant}", prompts)
    rate = ESPEAK_SAMPLE_RATE * voice.formant_scale
    return [
        soxr.resample(samples.astype(np.float32) / 2**15, rate, SAMPLE_RATE) for samples in spoken
    ]


def _claim(finished: Path, unfinished: Path, stamp: str) -> None:
    """Leave one of two files with this stamp. Raises ManifestError where one has another."""
    for path in (finished, unfinished):
        if path.exists():
            if path.read_text(encoding="utf-8") != stamp:
                raise ManifestError(
                    f"{path}: the synthetic voices here were made with other parameters: "
                    "remove the folder or choose another"
                )
            return
    write_text(unfinished, stamp)

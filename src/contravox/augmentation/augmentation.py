"""A fresh copy of a segment at each draw: reverberated, in noise, over the telephone."""

import itertools
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from contravox.augmentation.codecs import CodecName, check_codecs
from contravox.augmentation.effects import DRIVE, Effects
from contravox.augmentation.noise import DrawSpeech, NoiseKind, babble, synthetic_noise
from contravox.augmentation.recorded_noises import RecordedNoises
from contravox.augmentation.recorded_rooms import RecordedRooms
from contravox.augmentation.rooms import draw_room, impulse_response
from contravox.errors import RecipeError
from contravox.settings import Decibels, NotNegative, Settings, Share

NOISE_KINDS: tuple[NoiseKind, ...] = get_args(NoiseKind)

View = Literal["clean", "noise", "reverberation", "both", "ambient", "music", "babble", "any"]

DRAWN_VIEWS: tuple[View, ...] = ("clean", "noise", "reverberation", "both")
"""Those among which ``any`` draws."""


def _ascending(values: tuple[float, float]) -> tuple[float, float]:
    if values[0] > values[1]:
        raise ValueError(f"a range goes from low to high, not from {values[0]} to {values[1]}")
    return values


Range = Annotated[tuple[Decibels, Decibels], AfterValidator(_ascending)]
Voices = Annotated[int, Field(ge=1, le=100)]
Seconds = Annotated[float, Field(gt=0, le=10)]


class AugmentationSettings(Settings):
    """How segments are augmented; weights are relative to each other, ranges drawn uniformly.

    First one of four is drawn: ``clean``, ``noise``, ``reverberation`` or ``both``. The types of
    CEL (Mun et al. 2020, arXiv 2010.11433) are these weights: type 0 is clean alone, 1 noise alone,
    2 noise and reverberation in equal parts, 3 both alone. ``views`` says it for the 1st, 2nd ...
    segment of an utterance instead; there ``any`` draws by these weights, ``noise`` any kind of
    noise. The five views of AAMSupCon are ``[clean, reverberation, babble, music, noise]``.

    Added noise is ``ambient``, ``music`` or ``babble``, each at its signal-to-noise ratio in dB;
    the ranges are those of CEL and of the x-vector recipe. ``noises``, a manifest of `contravox
    prepare musan` or `prepare noises`, has recordings of them; of what it has none, and without it,
    ambient noise and music are synthetic and babble is of other training speakers. ``rooms``, a
    manifest of `contravox prepare rirs` or `prepare responses`, has impulse responses; without it
    rooms are simulated with a ``decay_time`` (RT60) in seconds.

    Babble is of ``babble_voices``, fewest and most, equally loud and ``together`` at
    ``babble_snr``; with ``babble_ratio: each`` every voice draws a ratio of its own, as in the
    public code of AAMSupCon (3 to 8 voices of 13 to 20 dB each are 6 to 14 dB together). The code
    of CEL mixes one.

    What follows comes on top of any of these, clean too. ``clipping`` and ``codec`` are the shares
    of segments that are clipped, and that go through one of ``codecs`` (Opus takes a worker forty
    times as long as reading the segment does); ``gain`` in dB changes every segment's level.

    ``on: device`` mixes whole batches where the encoder runs; segments that are clipped or coded
    are still finished by the workers that read them.
    """

    clean: NotNegative = 1.0
    noise: NotNegative = 1.0
    reverberation: NotNegative = 1.0
    both: NotNegative = 1.0
    views: tuple[View, ...] = Field((), max_length=1000)
    ambient: NotNegative = 1.0
    music: NotNegative = 1.0
    babble: NotNegative = 1.0
    ambient_snr: Range = (0.0, 15.0)
    music_snr: Range = (5.0, 15.0)
    babble_snr: Range = (13.0, 20.0)
    babble_voices: tuple[Voices, Voices] = (3, 7)
    babble_ratio: Literal["together", "each"] = "together"
    noises: Path | None = None
    rooms: Path | None = None
    decay_time: Annotated[tuple[Seconds, Seconds], AfterValidator(_ascending)] = (0.1, 0.7)
    clipping: Share = 0.0
    codec: Share = 0.0
    codecs: tuple[CodecName, ...] = Field(("mu_law", "mp3"), max_length=100)
    gain: Range = (-6.0, 6.0)
    on: Literal["workers", "device"] = "workers"

    @model_validator(mode="after")
    def _something_can_be_drawn(self) -> Self:
        if not any((self.clean, self.noise, self.reverberation, self.both)):
            raise ValueError("one of clean, noise, reverberation and both must weigh more than 0")
        if not any((self.ambient, self.music, self.babble)):
            raise ValueError("one of ambient, music and babble must weigh more than 0")
        if self.babble_voices[0] > self.babble_voices[1]:
            raise ValueError("babble_voices goes from fewest to most")
        if self.codec and not self.codecs:
            raise ValueError("codec is above 0 but codecs names none: name one, or set codec=0")
        return self

    def view(self, segment: int) -> View:
        """What is to be done to an utterance's segment number ``segment``: 0, 1, ..."""
        return self.views[segment] if self.views else "any"

    def check_views(self, segments: int) -> None:
        """Raise RecipeError where the views are not as many as an utterance's segments."""
        if self.views and len(self.views) != segments:
            raise RecipeError(
                f"augmentation.views: names {len(self.views)} for sampler.segments={segments}: "
                "name as many, or leave views out"
            )

    def drawn_kinds(self) -> set[NoiseKind]:
        """The kinds of noise that these settings can draw."""
        views = set(self.views or ("any",))
        kinds = {kind for kind in NOISE_KINDS if kind in views}
        if views & {"noise", "both"} or ("any" in views and (self.noise or self.both)):
            kinds |= {kind for kind in NOISE_KINDS if getattr(self, kind)}
        return kinds


class Augmentation:
    """Draws what is done to segments; all randomness comes from the generator of each call.

    Raises ManifestError or RecipeError where ``noises`` or ``rooms`` hold nothing to draw from, and
    where a codec is missing here.
    """

    def __init__(self, settings: AugmentationSettings) -> None:
        self.settings = settings
        kinds = settings.drawn_kinds()
        self.noises = RecordedNoises(settings.noises, kinds) if settings.noises and kinds else None
        self.rooms = RecordedRooms(settings.rooms) if settings.rooms else None
        if settings.codec:
            check_codecs(settings.codecs)

    @property
    def paths(self) -> list[str]:
        """The recordings from which noises and rooms are drawn, as ``read_audio`` takes them."""
        recordings = [*self.rooms.recordings] if self.rooms else []
        if self.noises:
            recordings += itertools.chain(*self.noises.recordings.values())
        return [path for path, _, _ in recordings]

    def passed_over(self) -> dict[str, str]:
        """The recordings, since the last time, that could not be read, by path, and why.

        Another was drawn in the place of each.
        """
        found: dict[str, str] = {}
        for each in (self.noises, self.rooms):
            if each is not None:
                found |= each.unreadable
                each.unreadable = {}
        return found

    def draw(
        self, segment: int, samples: int, generator: np.random.Generator, draw_speech: DrawSpeech
    ) -> Effects:
        """Draw what is done to an utterance's segment number ``segment``, of so many samples.

        draw_speech: of other speakers than the segment's, for babble where no recordings are given.

        Raises AudioError naming a recorded noise or room where many cannot be read.
        """
        settings = self.settings
        view = settings.view(segment)
        if view == "any":
            weights = (settings.clean, settings.noise, settings.reverberation, settings.both)
            view = DRAWN_VIEWS[_draw(generator, weights)]
        response = noise = drive = codec = None
        snr = 0.0
        if view in ("reverberation", "both"):
            if self.rooms is not None:
                response = self.rooms.draw(generator, samples)
            else:
                room = draw_room(generator, settings.decay_time)
                response = impulse_response(room, generator)[:samples]
        kind = self._noise_kind(view, generator)
        if kind is not None:
            noise, snr = self._noise(kind, samples, generator, draw_speech)
        if generator.random() < settings.clipping:
            drive = generator.uniform(*DRIVE)
        if generator.random() < settings.codec:
            codec = settings.codecs[generator.integers(len(settings.codecs))]
        return Effects(response, noise, snr, drive, codec, generator.uniform(*settings.gain))

    def _noise(
        self,
        kind: NoiseKind,
        samples: int,
        generator: np.random.Generator,
        draw_speech: DrawSpeech,
    ) -> tuple[NDArray[np.float32], float]:
        """Draw (samples,) of noise, and its ratio to the speech in dB."""
        settings = self.settings
        recorded = self.noises if self.noises is not None and self.noises.has(kind) else None
        if kind == "babble":
            voice = draw_speech if recorded is None else partial(recorded.draw, kind)
            voices = settings.babble_voices
            if settings.babble_ratio == "each":
                noise = babble(generator, samples, voice, voices=voices, snr=settings.babble_snr)
                # What the voices' own ratios come to; silence has none.
                return noise, -10 * float(np.log10(noise @ noise or 1))
            noise = babble(generator, samples, voice, voices=voices)
        elif recorded is not None:
            noise = recorded.draw(kind, generator, samples)
        else:
            noise = synthetic_noise(kind, generator, samples)
        return noise, generator.uniform(*getattr(settings, f"{kind}_snr"))

    def _noise_kind(self, view: View, generator: np.random.Generator) -> NoiseKind | None:
        settings = self.settings
        if view in ("noise", "both"):
            weights = (settings.ambient, settings.music, settings.babble)
            return NOISE_KINDS[_draw(generator, weights)]
        return next((kind for kind in NOISE_KINDS if kind == view), None)


def _draw(generator: np.random.Generator, weights: tuple[float, ...]) -> int:
    """An index, drawn in proportion to its weight."""
    total = np.cumsum(weights)
    return int(np.searchsorted(total, generator.random() * total[-1], side="right"))

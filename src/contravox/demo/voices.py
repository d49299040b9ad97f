"""Who speaks in the corpus of synthetic voices."""

from dataclasses import dataclass

import numpy as np

# fmt: off
ACCENTS = (
    "en-us", "en-gb-x-rp", "en-gb-scotland", "en-029", "en-gb-x-gbclan", "en-gb-x-gbcwmd",
    "en-us-nyc", "en",
)
"""eSpeak's languages for English."""

VARIANTS = (
    "f1", "f2", "f3", "f4", "f5", "Alicia", "Andrea", "Annie", "anika", "belinda", "linda", "steph",
    "grandma", "shelby", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "Andy", "Denis", "Gene",
    "Henrique", "Jacky", "Lee", "Marco", "Mario", "Michael", "Nguyen", "Reed", "antonio",
    "benjamin", "boris", "david", "ed", "edward", "gustave", "ian", "iven3", "kaukovalta", "klatt2",
    "klatt4", "marcelo", "max", "miguel", "norbert", "pablo", "paul", "pedro", "quincy", "rob",
    "sandro", "travis", "victor",
)
"""eSpeak's formant tables and timbres; its whispers, robots and special effects are left out,
and some of those that sound like another."""
# fmt: on

MOST_VOICES = 3 * len(VARIANTS)
"""The formant scales of a variant's voices, 5 % apart in 22 %, always have room for three."""


@dataclass(frozen=True)
class Voice:
    """A speaker.

    accent, variant: of eSpeak; pitch, pitch_range: 0 to 100, of eSpeak; rate: words per minute;
    formant_scale: factor on all frequencies, as from a shorter vocal tract.
    """

    accent: str
    variant: str
    pitch: int
    pitch_range: int
    rate: int
    formant_scale: float


def draw_voices(count: int, seed: int) -> list[Voice]:
    """Draw voices of which no two are nearly the same; the first of many are the first of few."""
    generator = np.random.default_rng([seed, 0])
    variants: list[str] = []
    voices: list[Voice] = []
    while len(voices) < count:
        # Every variant comes up once before any comes up again.
        variants = variants or list(generator.permutation(VARIANTS))
        voice = Voice(
            accent=str(generator.choice(ACCENTS)),
            variant=str(variants[-1]),
            pitch=int(generator.integers(20, 81)),
            pitch_range=int(generator.integers(30, 81)),
            rate=int(generator.integers(145, 196)),
            formant_scale=float(generator.uniform(0.9, 1.12)),
        )
        if not any(nearly_the_same(voice, other) for other in voices):
            voices.append(voice)
            variants.pop()
    return voices


def nearly_the_same(one: Voice, other: Voice) -> bool:
    """Whether two voices share their variant and their formants within 5 %."""
    ratio = one.formant_scale / other.formant_scale
    return one.variant == other.variant and abs(np.log(ratio)) < np.log(1.05)

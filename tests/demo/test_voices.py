from pathlib import Path

import pytest

from contravox.demo.voices import ACCENTS, MOST_VOICES, VARIANTS, draw_voices, nearly_the_same


@pytest.mark.parametrize("seed", range(5))
def test_no_two_voices_are_nearly_the_same(seed):
    voices = draw_voices(MOST_VOICES, seed)
    assert len(voices) == MOST_VOICES
    for index, voice in enumerate(voices):
        for other in voices[:index]:
            apart = max(voice.formant_scale, other.formant_scale) / min(
                voice.formant_scale, other.formant_scale
            )
            assert voice.variant != other.variant or apart >= 1.05
            assert not nearly_the_same(voice, other)


def test_variants_are_used_evenly():
    variants = [voice.variant for voice in draw_voices(2 * len(VARIANTS), seed=0)]
    assert sorted(variants) == sorted(2 * VARIANTS)
    assert set(variants[: len(VARIANTS)]) == set(VARIANTS)


def test_the_first_of_many_are_the_first_of_few_and_seeds_differ():
    assert draw_voices(100, seed=1)[:10] == draw_voices(10, seed=1)
    assert draw_voices(10, seed=1) != draw_voices(10, seed=2)


def test_espeak_knows_all_accents_and_variants():
    loader = pytest.importorskip("espeakng_loader")
    data = Path(loader.get_data_path())
    assert set(VARIANTS) <= {path.name for path in (data / "voices" / "!v").iterdir()}
    languages = set()
    for path in (data / "lang" / "gmw").iterdir():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("language "):
                languages.add(line.split()[1])
    assert set(ACCENTS) <= languages

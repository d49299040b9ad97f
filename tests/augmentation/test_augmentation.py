import numpy as np
import polars as pl
import pytest
import soundfile
from pydantic import ValidationError

from contravox.augmentation.augmentation import Augmentation, AugmentationSettings
from contravox.errors import RecipeError

NO_TREATMENT = {"clean": 0, "noise": 0, "reverberation": 0, "both": 0}
NO_NOISE = {"ambient": 0, "music": 0, "babble": 0}


def draw_speech(generator, samples):
    return generator.standard_normal(samples, dtype=np.float32)


def augmentation(draw_speech=draw_speech, segment=0, **settings):
    """(waveform, generator) -> the augmented waveform."""
    augmentation = Augmentation(AugmentationSettings(**{"gain": (0, 0), **settings}))

    def augment(waveform, generator):
        drawn = augmentation.draw(segment, len(waveform), generator, draw_speech)
        return drawn.apply(waveform)

    return augment


def speech(samples=16_000, seed=0, level=0.05):
    return level * np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def click(samples=8000, at=2000):
    waveform = np.zeros(samples, np.float32)
    waveform[at] = 0.5
    return waveform


def decibels(ratio):
    return 10 * np.log10(ratio)


def heard_as(waveform, at=2000):
    """Which effects a click went through: noise sounds before it, reverberation after it.

    Noise is asked for at 50 dB and reverberation is stronger, so that one does not hide the other.
    """
    peak = np.abs(waveform).max()
    noisy = np.abs(waveform[: at - 1]).max() > 1e-6 * peak
    reverberant = np.abs(waveform[at + 1 : at + 800]).max() > 0.02 * peak
    return noisy, reverberant


@pytest.mark.parametrize("kind", ["ambient", "music", "babble"])
def test_noise_is_added_at_a_ratio_within_its_range(kind):
    augment = augmentation(
        **NO_TREATMENT | NO_NOISE | {"noise": 1, kind: 1, f"{kind}_snr": (8.0, 11.0)}
    )
    generator = np.random.default_rng(0)
    clean = speech()
    measured = []
    for _ in range(30):
        added = augment(clean, generator).astype(np.float64) - clean
        measured.append(decibels(np.sum(clean.astype(np.float64) ** 2) / np.sum(added**2)))
    assert 7.99 < min(measured) < 9
    assert 10 < max(measured) < 11.01


def test_voices_of_babble_at_ratios_of_their_own_are_louder_together():
    # 5 voices that have nothing in common, each 20 dB below the speech: 20 - 10·log10(5) together.
    augment = augmentation(
        views=["babble"], babble_snr=(20.0, 20.0), babble_voices=(5, 5), babble_ratio="each"
    )
    clean = speech(64_000)
    added = augment(clean, np.random.default_rng(0)).astype(np.float64) - clean
    measured = decibels(np.sum(clean.astype(np.float64) ** 2) / np.sum(added**2))
    assert measured == pytest.approx(20 - 10 * np.log10(5), abs=0.2)


@pytest.mark.parametrize("ratio", ["together", "each"])
def test_babble_of_silence_adds_nothing(ratio):
    augment = augmentation(
        lambda generator, samples: np.zeros(samples, np.float32),
        views=["babble"],
        babble_ratio=ratio,
    )
    clean = speech()
    np.testing.assert_array_equal(augment(clean, np.random.default_rng(0)), clean)


def test_clean_changes_nothing_but_the_level():
    augment = augmentation(**NO_TREATMENT | {"clean": 1, "gain": (-12.0, 3.0)})
    generator = np.random.default_rng(0)
    clean = speech()
    gains = []
    for _ in range(50):
        out = augment(clean, generator)
        gains.append(20 * np.log10(out[0] / clean[0]))
        np.testing.assert_allclose(out / clean, out[0] / clean[0], rtol=1e-5)
    assert -12.01 < min(gains) < -10
    assert 1 < max(gains) < 3.01


def test_reverberation_starts_with_the_speech_and_is_linear():
    augment = augmentation(**NO_TREATMENT | {"reverberation": 1})
    for seed in range(10):
        one = augment(click(), np.random.default_rng(seed))
        half = augment(0.5 * click(), np.random.default_rng(seed))
        np.testing.assert_allclose(one, 2 * half, atol=1e-6)
        np.testing.assert_allclose(one[:2000], 0, atol=1e-6)
        assert abs(one[2000]) > 1e-3
        assert np.abs(one[2001:]).max() > 1e-3


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ({"clean": 1}, (1, 0, 0, 0)),
        ({"noise": 2}, (0, 1, 0, 0)),
        ({"noise": 1, "reverberation": 1}, (0, 0.5, 0.5, 0)),
        ({"both": 1}, (0, 0, 0, 1)),
        ({"clean": 3, "noise": 1, "reverberation": 2, "both": 2}, (0.375, 0.125, 0.25, 0.25)),
    ],
)
def test_effects_come_in_the_shares_of_their_weights(weights, shares):
    """The first four are CEL's types 0 to 3."""
    augment = augmentation(
        **NO_TREATMENT | NO_NOISE | weights | {"babble": 1, "babble_snr": (50.0, 50.0)}
    )
    generator = np.random.default_rng(0)
    heard = [heard_as(augment(click(), generator)) for _ in range(300)]
    effects = [(False, False), (True, False), (False, True), (True, True)]
    for effect, share in zip(effects, shares, strict=True):
        assert heard.count(effect) / 300 == pytest.approx(share, abs=0.08 if share % 1 else 0)


def test_only_babble_takes_others_speech():
    calls = []

    def counted(generator, samples):
        calls.append(samples)
        return draw_speech(generator, samples)

    def count(**weights):
        calls.clear()
        settings = NO_TREATMENT | NO_NOISE | {"noise": 1} | weights
        augment = augmentation(counted, **settings)
        for seed in range(20):
            augment(speech(1000), np.random.default_rng(seed))
        return len(calls)

    assert count(ambient=1, music=1) == 0
    assert count(babble=1) >= 60
    assert set(calls) == {1000}


def test_same_seed_same_audio_and_the_input_is_left_alone():
    augment = augmentation(gain=(-6, 6), clipping=0.3, codec=0.3, codecs=["mu_law"])
    clean = speech()
    kept = clean.copy()
    outputs = []
    for seed in range(20):
        first = augment(clean, np.random.default_rng(seed))
        np.testing.assert_array_equal(first, augment(clean, np.random.default_rng(seed)))
        outputs.append(first.tobytes())
    assert len(set(outputs)) == 20
    np.testing.assert_array_equal(clean, kept)


@pytest.mark.parametrize("samples", [160, 16_001, 32_000])
def test_length_type_and_range_hold_at_any_level(samples):
    augment = augmentation(gain=(-6.0, 40.0), clipping=0.3, codec=0.3)
    generator = np.random.default_rng(0)
    for level in (0.0, 1e-4, 0.3, 1.0) * 8:
        out = augment(speech(samples, level=level).clip(-1, 1), generator)
        assert out.shape == (samples,)
        assert out.dtype == np.float32
        assert np.isfinite(out).all()
        assert np.abs(out).max() <= 1 + 1e-6


def test_too_loud_is_scaled_down_not_clipped():
    augment = augmentation(**NO_TREATMENT | {"clean": 1, "gain": (20.0, 20.0)})
    clean = speech(level=0.1)
    out = augment(clean, np.random.default_rng(0))
    np.testing.assert_allclose(out, clean / np.abs(clean).max(), rtol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"musik": 1}, "musik"),
        ({"noise": -1}, "greater than or equal to 0"),
        ({"music_snr": (15, 5)}, "from low to high"),
        ({"gain": (0, float("inf"))}, "finite"),
        ({"decay_time": (0, 0.5)}, "greater than 0"),
        (NO_TREATMENT, "one of clean, noise, reverberation and both"),
        (NO_NOISE, "one of ambient, music and babble"),
        ({"babble_voices": (8, 3)}, "babble_voices goes from fewest to most"),
        ({"babble_voices": (0, 3)}, "greater than or equal to 1"),
        ({"codec": 1.5}, "less than or equal to 1"),
        ({"codec": 0.5, "codecs": []}, "codecs names none"),
        ({"codecs": ["gsm"]}, "mu_law"),
        ({"views": ["clean", "musik"]}, "music"),
        ({"on": "gpu"}, "workers"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        AugmentationSettings(**wrong)


@pytest.mark.parametrize(
    ("view", "noisy", "reverberant"),
    [
        ("clean", False, False),
        ("reverberation", False, True),
        ("both", True, True),
        *((kind, True, False) for kind in ("noise", "ambient", "music", "babble")),
    ],
)
def test_views_say_what_is_done_to_each_segment(view, noisy, reverberant):
    """Whatever the weights, and at their place only."""
    quiet = {f"{kind}_snr": (20.0, 20.0) for kind in NO_NOISE}
    settings = {"noise": 0, "both": 0, "reverberation": 0, "views": ["any", view], **quiet}
    for seed in range(5):
        heard = [
            heard_as(
                augmentation(segment=segment, **settings)(click(), np.random.default_rng(seed))
            )
            for segment in (0, 1)
        ]
        assert heard[0] == (False, False)
        assert heard[1][0] == noisy
        # Noise may hide whether there is reverberation.
        assert noisy or heard[1][1] == reverberant


def test_the_view_noise_draws_the_kinds_by_their_weights():
    calls = []

    def counted(generator, samples):
        calls.append(samples)
        return draw_speech(generator, samples)

    augment = augmentation(counted, views=["noise"], ambient=0, music=3, babble=1)
    babbled = 0
    for seed in range(200):
        calls.clear()
        augment(speech(100), np.random.default_rng(seed))
        babbled += bool(calls)
    assert babbled / 200 == pytest.approx(0.25, abs=0.08)


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({}, {"ambient", "music", "babble"}),
        ({"music": 0}, {"ambient", "babble"}),
        ({"noise": 0, "both": 0}, set()),
        ({"views": ["clean", "reverberation"]}, set()),
        ({"views": ["clean", "babble"], "babble": 0}, {"babble"}),
        ({"views": ["both", "any"], "noise": 0, "both": 0, "ambient": 0}, {"music", "babble"}),
    ],
)
def test_only_kinds_that_can_be_drawn_are_needed(settings, kinds):
    assert AugmentationSettings(**settings).drawn_kinds() == kinds


@pytest.mark.parametrize("segments", [1, 3])
def test_views_must_be_as_many_as_segments(segments):
    settings = AugmentationSettings(views=["clean", "any"])
    settings.check_views(2)
    AugmentationSettings().check_views(segments)
    with pytest.raises(RecipeError, match=rf"names 2 for sampler.segments={segments}"):
        settings.check_views(segments)


def test_codecs_and_clipping_come_in_their_shares_on_top_of_any_effects():
    settings = AugmentationSettings(clipping=0.6, codec=0.2, codecs=["mu_law", "mp3"])
    generator = np.random.default_rng(0)
    augment = Augmentation(settings)
    drawn = [augment.draw(0, 50, generator, draw_speech) for _ in range(500)]
    assert np.mean([each.drive is not None for each in drawn]) == pytest.approx(0.6, abs=0.07)
    assert np.mean([each.codec == "mp3" for each in drawn]) == pytest.approx(0.1, abs=0.04)
    assert np.mean([each.codec == "mu_law" for each in drawn]) == pytest.approx(0.1, abs=0.04)
    untreated = [each for each in drawn if each.response is None and each.noise is None]
    assert any(each.codec and each.drive for each in untreated)


@pytest.mark.filterwarnings("ignore::contravox.errors.TrainingWarning")
@pytest.mark.parametrize("kind", ["music", "babble"])
def test_noises_of_a_kind_that_was_not_recorded_are_as_without_recordings(kind, tmp_path):
    soundfile.write(tmp_path / "wind.wav", np.full(16_000, 0.25), 16_000)
    row = {"utterance": "wind", "path": "wind.wav", "duration": 1.0, "kind": "noise"}
    pl.DataFrame([row]).write_csv(tmp_path / "m.tsv", separator="\t")
    drawn = []
    for noises in (None, tmp_path / "m.tsv"):
        settings = AugmentationSettings(views=[kind, "ambient"], noises=noises)
        augmentation = Augmentation(settings)
        drawn.append(
            augmentation.draw(
                0, 800, np.random.default_rng(3), lambda generator, n: generator.random(n, "f4")
            ).noise
        )
        ambient = augmentation.draw(1, 800, np.random.default_rng(3), lambda *_: None).noise
    np.testing.assert_array_equal(*drawn)
    np.testing.assert_allclose(ambient, 0.25, atol=1e-4)

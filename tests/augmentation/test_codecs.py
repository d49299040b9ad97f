import numpy as np
import pytest
import soundfile

from contravox.augmentation.codecs import CODINGS, check_codecs, through_codec
from contravox.errors import RecipeError
from tones import tone


def speech_like(samples):
    """A tone that comes and goes, so that a delay shows."""
    steps = np.repeat(np.random.default_rng(0).random(samples // 400 + 1), 400)[:samples]
    return tone(samples / 16_000, 140, seed=1)[:samples] * steps.astype(np.float32)


def lag(heard, sent):
    """Delay in samples at which two recordings are most alike, and how alike they then are."""
    size = 2 * len(sent)
    alike = np.fft.irfft(np.fft.rfft(heard, size) * np.fft.rfft(sent, size).conj())
    delay = int(alike.argmax())
    return (
        delay if delay < len(sent) else delay - size,
        alike.max() / np.linalg.norm(sent) / np.linalg.norm(heard),
    )


@pytest.mark.parametrize("codec", CODINGS)
@pytest.mark.parametrize("samples", [1600, 16_001])
def test_coded_speech_is_as_long_in_place_and_alike_but_not_the_same(codec, samples):
    sent = speech_like(samples)
    heard = through_codec(sent, codec)
    assert heard.shape == sent.shape
    assert heard.dtype == np.float32
    delay, alike = lag(heard, sent)
    assert delay == 0
    assert alike > 0.95
    assert np.abs(heard - sent).max() > 1e-4
    np.testing.assert_array_equal(heard, through_codec(sent, codec))


@pytest.mark.parametrize("codec", CODINGS)
def test_what_is_louder_than_full_scale_is_not_clipped(codec):
    sent = speech_like(8000)
    loud = sent * np.float32(3 / np.abs(sent).max())
    heard = through_codec(loud, codec)
    assert lag(heard, loud)[1] > 0.95
    assert np.linalg.norm(heard) == pytest.approx(np.linalg.norm(loud), rel=0.1)


@pytest.mark.parametrize("codec", CODINGS)
def test_silence_and_a_single_sample_pass(codec):
    assert np.abs(through_codec(np.zeros(3200, np.float32), codec)).max() < 1e-3
    assert through_codec(np.ones(1, np.float32), codec).shape == (1,)


def test_mu_law_is_the_telephone():
    """Nothing above 4 kHz, and below it the steps of G.711: noise at about 38 dB under speech."""
    time = np.arange(16_000) / 16_000
    low = 0.5 * np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    high = 0.5 * np.sin(2 * np.pi * 6000 * time).astype(np.float32)
    inner = slice(1000, -1000)
    heard = through_codec(low + high, "mu_law")
    error = (heard - low)[inner]
    snr = 10 * np.log10(np.sum(low[inner] ** 2) / np.sum(error**2))
    assert 33 < snr < 43


def test_a_codec_that_libsndfile_lacks_is_refused_by_name(monkeypatch):
    check_codecs(list(CODINGS))
    held = {form: soundfile.available_subtypes(form) for form in ("WAV", "OGG")}
    monkeypatch.setattr(soundfile, "available_subtypes", lambda form: held.get(form, {}))
    check_codecs(["mu_law", "opus"])
    with pytest.raises(RecipeError, match=r"^augmentation.codecs: .* cannot write mp3: "):
        check_codecs(["mu_law", "mp3"])

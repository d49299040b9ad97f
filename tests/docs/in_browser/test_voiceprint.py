"""What the page makes of a recording: what Python makes of it, or words why not."""

import base64
import io

import numpy as np
import pytest
import soundfile
import soxr

from contravox.audio.waveform import read_audio

ALIKE = 1e-3
"""By how much numbers of the page and of Python may differ."""

FIRST, SECOND = "#compare .recorder:nth-of-type(1)", "#compare .recorder:nth-of-type(2)"


def heard_by(page, data):
    """What the page makes of a file: the embedding, and the seconds and those of speech."""
    found = page.script(
        """const { voiceprintOf } = await import("/page/voiceprint.js");
        const bytes = Uint8Array.from(atob(given[0]), (each) => each.charCodeAt(0));
        const { vector, quality } = await voiceprintOf({ blob: new Blob([bytes]) }, "it");
        return { vector: [...vector], quality };""",
        base64.b64encode(data).decode(),
    )
    assert not isinstance(found, str), found
    return np.array(found["vector"]), found["quality"]


def file_of(samples, rate, kind="WAV"):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype="PCM_16")
    return file.getvalue()


def assert_alike(page, verifier, data):
    vector, quality = heard_by(page, data)
    voiceprint = verifier.embed(data)
    scale = np.linalg.norm(voiceprint.vector)
    assert np.abs(vector - voiceprint.vector).max() / scale < ALIKE
    assert cosine(vector, voiceprint.vector) > 1 - ALIKE
    assert quality["seconds"] == pytest.approx(voiceprint.quality.seconds)
    assert quality["speech_seconds"] == pytest.approx(voiceprint.quality.speech_seconds)
    assert quality["bandwidth"] == pytest.approx(voiceprint.quality.bandwidth)


def cosine(one, other):
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_the_same_waveform_has_the_embedding_and_the_speech_that_python_finds(
    modules, said, verifier
):
    waveform, rate = soundfile.read(said["Ann"][0])
    pause = 0.001 * np.random.default_rng(0).standard_normal(rate)
    for data in (
        said["Ann"][0].read_bytes(),
        said["Bob"][1].read_bytes(),
        file_of(np.concatenate([pause, waveform, pause, waveform[: rate // 8], pause]), rate),
        file_of(waveform, rate, "FLAC"),
        file_of(np.stack([waveform, 0.3 * waveform[::-1]], axis=1), rate),
    ):
        assert_alike(modules, verifier, data)


def test_a_telephone_s_band_is_that_which_python_finds(modules, said, verifier):
    waveform, rate = soundfile.read(said["Ann"][0])
    narrow = soxr.resample(soxr.resample(waveform, rate, 8_000), 8_000, 16_000)
    for level in (1, 0.03):
        _, quality = heard_by(modules, data := file_of(level * narrow, 16_000, "WAV"))
        assert quality["bandwidth"] == verifier.embed(data).quality.bandwidth < 4100


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_at_a_microphone_s_rate_it_is_all_but_the_same(modules, said, verifier, rate):
    waveform, before = soundfile.read(said["Ann"][0])
    data = file_of(soxr.resample(waveform, before, rate), rate)
    vector, _ = heard_by(modules, data)
    assert cosine(vector, verifier.embed(data).vector) > 1 - ALIKE


@pytest.mark.speech
def test_real_voices_have_the_embeddings_that_python_finds(modules, speech, verifier):
    folders = sorted(each for each in (speech / "an4").iterdir() if each.is_dir())
    for folder in folders[:3]:
        waveform = np.concatenate([read_audio(path) for path in sorted(folder.glob("*.flac"))[:3]])
        assert_alike(modules, verifier, file_of(waveform, 16_000))


def test_what_cannot_be_done_is_said_in_plain_words(opened, tmp_path, said):
    generator = np.random.default_rng(0)
    hiss = 0.05 * generator.standard_normal(32_000)
    waveform, _ = soundfile.read(said["Ann"][0])
    refused = {
        "Only 0.05 s long": waveform[8000:8800],
        "It is silent": np.zeros(32_000),
        "No speech was found in 2.0 s": hiss,
    }
    opened.task("compare")
    opened.choose(FIRST, said["Ann"][0])
    for words, samples in refused.items():
        path = tmp_path / f"{words}.wav"
        soundfile.write(path, samples, 16_000)
        opened.choose(SECOND, path)
        assert words in opened.send("compare")
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    opened.choose(SECOND, text)
    assert "This browser cannot read it" in opened.text(SECOND)
    assert "This browser cannot read it" in opened.send("compare")
    opened.task("verify")
    opened.fill("#verify input[name=speaker]", "Cid")
    opened.choose("#verify .recorder", said["Ann"][0])
    assert "“Cid” is not enrolled" in opened.send("verify")
    opened.microphone(allowed=False)
    opened.press("#verify .record")
    opened.until(lambda: "The microphone is not allowed" in opened.text("#verify .fault"))
    opened.microphone(allowed=True)


def test_little_speech_pauses_and_clipping_are_warned_of(opened, said, tmp_path):
    waveform, rate = soundfile.read(said["Ann"][0])
    pause = 0.001 * np.random.default_rng(0).standard_normal(3 * rate)
    path = tmp_path / "poor.wav"
    loud = np.clip(20 * waveform[rate // 2 : rate // 2 + rate], -1, 1)
    soundfile.write(path, np.concatenate([loud, pause]), rate)
    opened.task("compare")
    opened.choose(FIRST, said["Ann"][0])
    opened.choose(SECOND, path)
    answer = opened.send("compare")
    for words in ("errors are more frequent below 2.0 s", "are not speech", "are cut off"):
        assert words in answer


def test_a_telephone_s_band_is_warned_of(opened, said, tmp_path):
    waveform, rate = soundfile.read(said["Ann"][0])
    path = tmp_path / "telephone.wav"
    soundfile.write(path, soxr.resample(waveform, rate, 8_000), 8_000)
    opened.task("compare")
    opened.choose(FIRST, said["Ann"][1])
    opened.choose(SECOND, path)
    assert "as on a telephone, where the model listens up to 8 kHz" in opened.send("compare")

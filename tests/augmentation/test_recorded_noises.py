import numpy as np
import polars as pl
import pytest
import soundfile

from contravox.augmentation.recorded_noises import RecordedNoises
from contravox.errors import AudioError, ManifestError, RecipeError, TrainingWarning

ALL = {"ambient", "music", "babble"}


@pytest.fixture
def musan(tmp_path):
    """One noise of 3 s whose samples tell their place, two of music, four of speech.

    Speech number k is a sine of 500·k Hz, the louder the later.
    """
    rows = []

    def write(name, kind, samples):
        soundfile.write(tmp_path / f"{name}.wav", samples, 16_000, subtype="FLOAT")
        rows.append(
            {"utterance": name, "path": f"{name}.wav", "duration": len(samples) / 16_000}
            | {"kind": kind}
        )

    write("ramp", "noise", np.arange(48_000) / 2**17)
    for index in range(2):
        write(f"music{index}", "music", np.full(800, 0.1 * (index + 1)))
    for index in range(1, 5):
        time = np.arange(16_000) / 16_000
        write(f"speech{index}", "speech", 10.0 ** (index - 5) * np.sin(1000 * np.pi * index * time))
    pl.DataFrame(rows).write_csv(tmp_path / "manifest.tsv", separator="\t")
    return tmp_path / "manifest.tsv"


def test_noise_is_a_random_place_of_a_recording(musan):
    noises = RecordedNoises(musan, ALL)
    generator = np.random.default_rng(0)
    starts = []
    for _ in range(100):
        drawn = np.rint(noises.draw("ambient", generator, 16_000) * 2**17)
        np.testing.assert_array_equal(np.diff(drawn), 1)
        starts.append(drawn[0])
    assert 0 <= min(starts) < 2000
    assert 30_000 < max(starts) <= 32_000


def test_a_short_recording_is_repeated_and_each_is_drawn(musan):
    generator = np.random.default_rng(0)
    noises = RecordedNoises(musan, ALL)
    drawn = [noises.draw("music", generator, 2000) for _ in range(20)]
    assert {each.shape for each in drawn} == {(2000,)}
    assert {round(float(each.min()), 3) for each in drawn} == {0.1, 0.2}
    longer = noises.draw("ambient", generator, 100_000) * 2**17
    np.testing.assert_array_equal(np.rint(longer), np.resize(np.arange(48_000), 100_000))


def test_babble_is_drawn_voice_by_voice(musan):
    noises = RecordedNoises(musan, ALL)
    generator, drawn = np.random.default_rng(0), set()
    for _ in range(40):
        voice = noises.draw("babble", generator, 16_000).astype(np.float64)
        power = np.abs(np.fft.rfft(voice)) ** 2
        frequency = int(power.argmax())
        assert power[frequency] == pytest.approx(power.sum(), rel=1e-4)  # one of them, a sine
        drawn.add(frequency)
    assert drawn == {500, 1000, 1500, 2000}


def test_a_manifest_need_only_hold_the_kinds_that_are_drawn(musan):
    table = pl.read_csv(musan, separator="\t").filter(pl.col("kind") == "noise")
    table.write_csv(musan, separator="\t")
    RecordedNoises(musan, {"ambient"})
    with pytest.warns(TrainingWarning) as said:
        noises = RecordedNoises(musan, ALL)
    assert [str(each.message).partition("holds ")[2] for each in said] == [
        "no recording of kind speech: babble is of other training speakers, as without noises; to "
        "have none set augmentation.babble=0",
        "no recording of kind music: music is synthetic, as without noises; to have none set "
        "augmentation.music=0",
    ]
    assert [noises.has(kind) for kind in ("ambient", "music", "babble")] == [True, False, False]
    with (
        pytest.raises(RecipeError, match="holds nothing of music that is to be drawn"),
        pytest.warns(TrainingWarning),
    ):
        RecordedNoises(musan, {"music"})


def test_manifests_from_which_nothing_can_be_drawn(musan):
    with pytest.raises(ManifestError, match=r"none.tsv: no such manifest"):
        RecordedNoises(musan.with_name("none.tsv"), ALL)
    pl.read_csv(musan, separator="\t").drop("kind").write_csv(musan, separator="\t")
    with pytest.raises(RecipeError, match=r"manifest.tsv has no column 'kind': .* prepare noises"):
        RecordedNoises(musan, ALL)
    pl.read_csv(musan, separator="\t").clear().write_csv(musan, separator="\t")
    with pytest.raises(ManifestError, match=r"holds no utterance"):
        RecordedNoises(musan, ALL)


def test_an_unreadable_noise_is_named(musan):
    noises = RecordedNoises(musan, ALL)
    (musan.parent / "ramp.wav").write_bytes(b"no audio")
    with pytest.raises(AudioError, match=r"ramp.wav: cannot be read as audio"):
        noises.draw("ambient", np.random.default_rng(0), 100)


def test_another_is_drawn_where_one_cannot_be_read(musan):
    whole, damaged = RecordedNoises(musan, ALL), RecordedNoises(musan, ALL)
    (musan.parent / "music0.wav").write_bytes(b"no audio")
    drawn = [damaged.draw("music", np.random.default_rng(seed), 500) for seed in range(20)]
    assert {round(float(each[0]), 3) for each in drawn} == {0.2}
    assert list(damaged.unreadable) == [str(musan.parent / "music0.wav")]
    assert "cannot be read as audio" in damaged.unreadable[str(musan.parent / "music0.wav")]
    assert not whole.unreadable

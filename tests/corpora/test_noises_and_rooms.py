"""MUSAN, RIRS_NOISES, and folders of any layout, down to what augmentation draws."""

import numpy as np
import pytest
import soundfile

import trees
from contravox.augmentation.augmentation import Augmentation, AugmentationSettings
from contravox.augmentation.recorded_rooms import RecordedRooms
from contravox.corpora.preparation import prepare_corpus
from contravox.errors import ManifestError
from contravox.manifest import Manifest

RATE = 16_000


def decay(seconds, *, silence=0.0, level=1.0, floor=0.0, rate=RATE, seed=0):
    """A response after so many seconds of silence: a click, and noise that falls 60 dB in time."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    tail = 0.3 * generator.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    tail[0] = 1.5
    samples = np.concatenate([np.zeros(round(silence * rate)), tail])
    return level * samples + floor * generator.standard_normal(len(samples))


def write(path, samples, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="FLOAT")


def test_musan_has_kinds_and_no_speakers(prepare, tmp_path):
    trees.musan(tmp_path)
    done = prepare("musan", tmp_path / "musan")
    assert done.table().select("utterance", "kind", "speaker").rows() == [
        ("music/fma/music-fma-0000", "music", None),
        ("noise/free-sound/noise-free-sound-0000", "noise", None),
        ("noise/sound-bible/noise-sound-bible-0000", "noise", None),
        ("speech/librivox/speech-librivox-0000", "speech", None),
    ]
    assert done.counts["kind noise"]["utterances in release"] == 930
    assert not (done.folder / "trials.tsv").exists()
    around = prepare("musan", tmp_path, "--force")
    assert around.column("utterance") == done.column("utterance")


def test_responses_and_noises_lie_apart(prepare, tmp_path):
    trees.rirs(tmp_path)
    done = prepare("rirs", tmp_path / "RIRS_NOISES")
    assert done.table().select("utterance", "kind", "session").rows() == [
        (
            "real_rirs_isotropic_noises/RVB2014_type1_rir_largeroom1_far_angla",
            "real",
            None,
        ),
        ("simulated_rirs/largeroom/Room001/Room001-00001", "largeroom", "Room001"),
        ("simulated_rirs/mediumroom/Room001/Room001-00001", "mediumroom", "Room001"),
        ("simulated_rirs/smallroom/Room001/Room001-00001", "smallroom", "Room001"),
    ]
    assert done.table()["duration"].min() == 0.05
    assert done.table("noises").select("utterance", "kind").rows() == [
        ("pointsource_noises/noise-free-sound-0000", "noise"),
        ("real_rirs_isotropic_noises/RVB2014_type1_noise_largeroom1_1", "noise"),
    ]


@pytest.fixture
def responses(tmp_path):
    folder = tmp_path / "responses"
    write(folder / "hall.wav", decay(0.8, silence=0.5, level=0.4))
    write(folder / "deep" / "down" / "late.wav", decay(0.3, silence=2.0, floor=1e-5))
    write(folder / "deep" / "click.wav", np.eye(1, 40, 3)[0])
    write(folder / "fast.wav", decay(0.4, rate=48_000), 48_000)
    write(folder / "long.wav", decay(40.0, silence=0.1))
    stereo = np.stack([decay(0.2), np.zeros(3200)], axis=1)
    write(folder / "two channels.wav", stereo)
    write(folder / "silent.wav", np.zeros(4000))
    write(folder / "wind.wav", np.random.default_rng(1).standard_normal(32_000) * 0.1)
    write(folder / "hum.wav", np.sin(np.arange(32_000)))
    broken = decay(0.2)
    broken[100] = np.nan
    write(folder / "broken.wav", broken)
    (folder / "text.wav").write_text("no audio")
    return folder


def test_a_response_is_used_from_its_direct_sound_to_its_decay(responses, tmp_path):
    counts = prepare_corpus("responses", responses, tmp_path / "out")
    assert counts["corpus"]["utterances"] == 6
    assert counts["corpus"]["files skipped"] == 5
    table = Manifest.read(tmp_path / "out" / "manifest.tsv").table
    part = {row["utterance"]: (row["start"], row["duration"]) for row in table.to_dicts()}
    # 5 ms before the direct sound, and what is left after -60 dB of energy is cut off.
    assert part["hall.wav"][0] == pytest.approx(0.495, abs=1e-3)
    assert 0.6 < part["hall.wav"][1] < 0.81
    assert part["deep/down/late.wav"][0] == pytest.approx(1.995, abs=1e-3)
    assert part["fast.wav"][0] == 0
    assert 0.3 < part["fast.wav"][1] < 0.41
    assert part["long.wav"][1] == pytest.approx(10.01, abs=1e-3)
    assert part["deep/click.wav"] == pytest.approx((0, 40 / RATE), abs=1e-3)
    assert set(table["kind"]) == {"response"}
    skipped = (tmp_path / "out" / "skipped.tsv").read_text()
    for name, reason in {
        "silent": "silent, no impulse response",
        "wind": "does not decay",
        "hum": "does not decay",
        "broken": "samples that are not finite",
        "text": "cannot be read as audio",
    }.items():
        [line] = [line for line in skipped.splitlines() if f"{name}.wav" in line]
        assert reason in line


def test_a_part_gives_the_response_that_the_whole_gives(responses, tmp_path):
    prepare_corpus("responses", responses, tmp_path / "out")
    table = Manifest.read(tmp_path / "out" / "manifest.tsv").table
    for row in table.filter(table["utterance"] != "fast.wav").to_dicts():
        drawn = {}
        for name, start, duration in (
            ("part", row["start"], row["duration"]),
            ("whole", 0.0, 60.0),
        ):
            rooms = RecordedRooms(tmp_path / "out" / "manifest.tsv")
            rooms.recordings = [(row["path"], start, duration)]
            drawn[name] = rooms.draw(np.random.default_rng(0), 8000)
        assert abs(len(drawn["part"]) - len(drawn["whole"])) <= 0.02 * len(drawn["whole"])
        short = min(map(len, drawn.values()))
        np.testing.assert_allclose(drawn["part"][:short], drawn["whole"][:short], atol=1e-3)


def test_noises_are_of_the_kind_that_their_top_folder_says(tmp_path):
    folder = tmp_path / "sounds"
    sound = np.random.default_rng(0).standard_normal(8000) * 0.1
    for name in ("music/a/b.wav", "speech/c.wav", "noise/d.wav", "city/music/e.wav", "f.wav"):
        write(folder / name, sound)
    write(folder / "short.wav", sound[:100])
    counts = prepare_corpus("noises", folder, tmp_path / "out")
    table = Manifest.read(tmp_path / "out" / "manifest.tsv").table
    assert dict(table.select("utterance", "kind").rows()) == {
        "music/a/b.wav": "music",
        "speech/c.wav": "speech",
        "noise/d.wav": "noise",
        "city/music/e.wav": "noise",
        "f.wav": "noise",
    }
    assert counts["corpus"]["files skipped"] == 1
    assert set(table["corpus"]) == {"sounds"}


def test_what_is_prepared_is_what_augmentation_draws(responses, tmp_path, run):
    sound = np.random.default_rng(0).standard_normal(4000) * 0.1
    write(tmp_path / "sounds" / "wind" / "gust.wav", sound)
    write(tmp_path / "sounds" / "music" / "song.wav", sound)
    write(tmp_path / "sounds" / "speech" / "voice.wav", sound)
    for what, folder in (("noises", tmp_path / "sounds"), ("responses", responses)):
        assert run("prepare", what, folder, "-o", tmp_path / what, "--json")[0] == 0
    settings = AugmentationSettings(
        views=["ambient", "reverberation"],
        noises=tmp_path / "noises" / "manifest.tsv",
        rooms=tmp_path / "responses" / "manifest.tsv",
    )
    augmentation = Augmentation(settings)
    for seed in range(30):
        generator = np.random.default_rng(seed)
        # A noise of a quarter of a second, repeated.
        noise = augmentation.draw(0, 10_000, generator, lambda *_: None).noise
        np.testing.assert_allclose(noise[:4000], noise[4000:8000])
        response = augmentation.draw(1, 10_000, generator, lambda *_: None).response
        assert np.abs(response).argmax() == 0
        assert np.square(response).sum() == pytest.approx(1, abs=1e-3)
    assert not augmentation.passed_over()


def test_folders_without_any(tmp_path):
    (tmp_path / "empty").mkdir()
    for what in ("noises", "responses"):
        with pytest.raises(ManifestError, match="holds no audio file"):
            prepare_corpus(what, tmp_path / "empty", tmp_path / "out")

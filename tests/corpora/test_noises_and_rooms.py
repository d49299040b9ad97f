"""MUSAN and RIRS_NOISES."""

import trees


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

import shutil

import pytest

import trees
from contravox.trials.trial_set import TrialSet


@pytest.mark.parametrize("merged", [False, True])
def test_voxceleb1_merged_and_not(prepare, tmp_path, merged):
    trees.voxceleb1(tmp_path / "vox", merged=merged)
    done = prepare("voxceleb1", tmp_path / "vox")
    table = done.table()
    assert len(table) == 20
    first = table.row(0, named=True)
    assert first["utterance"] == "id10001/-x_Y6uqmx31/00001"
    assert (first["speaker"], first["session"]) == ("id10001", "-x_Y6uqmx31")
    assert (first["corpus"], first["subset"], first["sex"]) == ("voxceleb1", "dev", "m")
    assert first["digest"].startswith("sha256:")
    assert table["digest"].n_unique() == 20
    # Names starting with E, both ends of their range.
    assert set(table.filter(subset="test")["speaker"]) == {"id10270", "id10309"}
    assert set(done.column("speaker", "train")) == {"id10001", "id10269", "id11251"}
    assert done.counts["subset dev"] == {
        "speakers": 3,
        "utterances": 12,
        "minutes": 0,
        "speakers in release": 1211,
        "utterances in release": 148_642,
    }
    assert any("8 utterances of 4,874 in test" in line for line in done.warnings)


def test_the_official_lists_match_whatever_the_suffix(prepare, tmp_path):
    trees.voxceleb1(tmp_path / "vox", suffix="flac")
    done = prepare("voxceleb1", tmp_path / "vox")
    cleaned = TrialSet.read(done.folder / "voxceleb1-o")
    assert cleaned.trials.table.rows() == [
        ("id10270/1zcIwhmdeo4/00001", "id10270/-x_Y6uqmx31/00002", True),
        ("id10270/1zcIwhmdeo4/00001", "id10309/1zcIwhmdeo4/00001", False),
    ]
    assert len(cleaned.manifest) == 3
    assert cleaned.protocol.name == "voxceleb1-o"
    assert cleaned.protocol.trial_list == "veri_test2.txt"
    assert cleaned.protocol.trials_in_release == 37_611
    original = TrialSet.read(done.folder / "voxceleb1-o-original")
    assert (len(original.trials), original.protocol.trials_in_release) == (3, 37_720)
    assert len(TrialSet.read(done.folder / "voxceleb1-h").trials) == 3
    # Those that are not there are named.
    [line] = [line for line in done.warnings if "looked for" in line]
    assert "voxceleb1-e (list_test_all2.txt)" in line
    assert "voxceleb1-o" not in line
    assert not (done.folder / "voxceleb1-e").exists()


def test_trials_of_absent_utterances(prepare, refused, tmp_path):
    trees.voxceleb1(tmp_path / "vox")
    shutil.rmtree(tmp_path / "vox" / "dev" / "wav" / "id10001")
    line = refused("voxceleb1", tmp_path / "vox")
    assert "voxceleb1-h: 1 of 3 trials need 2 utterances that are not here" in line
    assert "'id10001/-x_Y6uqmx31/00001'" in line
    done = prepare("voxceleb1", tmp_path / "vox", "--drop-missing")
    protocol = TrialSet.read(done.folder / "voxceleb1-h").protocol
    assert (protocol.trials_dropped, done.counts["voxceleb1-h"]["trials"]) == (1, 2)
    assert TrialSet.read(done.folder / "voxceleb1-o").protocol.trials_dropped == 0


def test_only_the_training_part(prepare, tmp_path):
    trees.voxceleb1(tmp_path / "vox")
    shutil.rmtree(tmp_path / "vox" / "test")
    done = prepare("voxceleb1", tmp_path / "vox", "--drop-missing")
    assert done.counts["train"]["speakers"] == 3
    assert not (done.folder / "voxceleb1-o").exists()
    assert any("voxceleb1-o: left out" in line for line in done.warnings)


def test_speakers_held_out_for_validation(prepare, refused, tmp_path):
    trees.voxceleb1(tmp_path / "vox")
    assert "--hold-out is 2: the training part has 3 speakers" in refused(
        "voxceleb1", tmp_path / "vox", "--hold-out", 2
    )
    for video in ("a", "b"):
        path = tmp_path / "vox" / "dev" / "wav" / "id11111" / video / "00001.wav"
        trees.write_audio(path, seed=999)
    done = prepare("voxceleb1", tmp_path / "vox", "--hold-out", 2)
    train, held = (set(done.column("speaker", part)) for part in ("train", "validation"))
    assert len(train) == len(held) == 2
    assert train | held == {"id10001", "id10269", "id11251", "id11111"}
    assert len(TrialSet.read(done.folder / "validation").trials)


def test_two_copies_of_an_utterance(refused, tmp_path):
    trees.voxceleb1(tmp_path / "vox")
    trees.voxceleb1(tmp_path / "vox", merged=True)
    line = refused("voxceleb1", tmp_path / "vox")
    assert "20 utterances are there twice, such as 'id10001/-x_Y6uqmx31/00001'" in line
    assert f"{tmp_path}/vox/dev/wav/id10001/-x_Y6uqmx31/00001.wav and {tmp_path}/vox/wav" in line


def test_official_parts_are_not_split(refused, tmp_path):
    trees.voxceleb1(tmp_path / "vox")
    assert "--split: VoxCeleb1 cannot be split" in refused("voxceleb1", tmp_path / "vox", "--split")


def test_voxceleb2_in_aac_and_transcoded(prepare, refused, tmp_path):
    trees.voxceleb2(tmp_path / "vox", "m4a")
    line = refused("voxceleb2", tmp_path / "vox")
    assert f"2 of 2 utterances are not transcoded yet: run `contravox transcode {tmp_path}" in line
    trees.voxceleb2(tmp_path / "vox", "flac")
    done = prepare("voxceleb2", tmp_path / "vox")
    assert done.column("utterance", "train") == [
        "id00012/21Uxsk56VDQ/00001",
        "id09272/21Uxsk56VDQ/00001",
    ]
    assert done.counts["subset dev"]["utterances in release"] == 1_092_009

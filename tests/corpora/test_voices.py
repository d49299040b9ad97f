import trees
from contravox.trials.trial_set import TrialSet


def test_models_and_recordings_are_matched_by_the_names_of_files(prepare, tmp_path):
    trees.voices(tmp_path / "voices")
    done = prepare("voices", tmp_path / "voices")
    assert done.counts["corpus"]["speakers"] == 2
    assert done.counts["subset dev"]["utterances in release"] == 15_904
    stem = "Lab41-SRI-VOiCES-rm1-none-sp0032-ch000206-sg0028-mc01-stu-clo-dg080"
    assert done.column("utterance")[0] == f"sp0032/{stem}"
    dev = TrialSet.read(done.folder / "voices-dev")
    assert dev.trials.table["target"].to_list() == [True, False, False, True]
    assert dev.trials.table["test"][0] == f"sp0032/{stem.replace('sg0028', 'sg0029')}"
    assert dev.enrolments.table.row(0) == ("000000", f"sp0032/{stem}")
    assert not (done.folder / "train").exists()

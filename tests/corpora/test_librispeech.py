import trees
from contravox.trials.trial_set import TrialSet


def test_trials_within_a_subset_balanced_by_sex(prepare, tmp_path):
    """Two women of three utterances, three men of two: 6 and 3 targets, 9 and 12 non-targets."""
    trees.librispeech(tmp_path / "libri")
    done = prepare("librispeech", tmp_path / "libri")
    made = TrialSet.read(done.folder / "librispeech-dev-clean")
    people = done.table().select("utterance", "speaker", "sex", "subset")
    pairs = made.trials.table.join(people, left_on="enrolment", right_on="utterance").join(
        people, left_on="test", right_on="utterance", suffix="_test"
    )
    assert dict(pairs.group_by("sex", "target").len().rows_by_key(["sex", "target"])) == {
        ("f", True): [(3,)],
        ("m", True): [(3,)],
        ("f", False): [(9,)],
        ("m", False): [(9,)],
    }
    assert (pairs["sex"] == pairs["sex_test"]).all()
    assert ((pairs["speaker"] == pairs["speaker_test"]) == pairs["target"]).all()
    assert set(pairs["subset"]) | set(pairs["subset_test"]) == {"dev-clean"}
    assert len(pairs.unique()) == len(pairs)
    assert set(done.column("subset", "train")) == {"train-clean-100"}
    row = done.table().filter(speaker="174").row(0, named=True)
    assert (row["utterance"], row["session"]) == ("174/100/174-100-0000", "100")
    assert done.counts["subset dev-clean"]["utterances in release"] == 2_703
    # Another seed draws other trials.
    before = made.trials.table
    prepare("librispeech", tmp_path / "libri", "--seed", 1)
    assert not TrialSet.read(done.folder / "librispeech-dev-clean").trials.table.equals(before)


def test_without_the_list_of_speakers_all_pairs_are_made(prepare, tmp_path):
    trees.librispeech(tmp_path / "libri")
    (tmp_path / "libri" / "LibriSpeech" / "SPEAKERS.TXT").unlink()
    done = prepare("librispeech", tmp_path / "libri")
    assert len(TrialSet.read(done.folder / "librispeech-dev-clean").trials) == 12 * 11 // 2


def test_split_as_any_folder(prepare, tmp_path):
    trees.librispeech(tmp_path / "libri")
    # Each part needs targets: two utterances for those who have one.
    for path in list((tmp_path / "libri").rglob("train-clean-100/*/*/*.flac")):
        trees.write_audio(path.with_name(path.name.replace("0000", "0001")), seed=300)
    for speaker in range(1000, 1006):
        for chapter in (1, 2):
            place = tmp_path / "libri" / "LibriSpeech" / "dev-other" / str(speaker) / str(chapter)
            trees.write_audio(place / f"{speaker}-{chapter}-0000.flac", seed=speaker + chapter)
    done = prepare("librispeech", tmp_path / "libri", "--split")
    speakers = [set(done.column("speaker", part)) for part in ("train", "validation", "test")]
    assert sum(map(len, speakers)) == len(set().union(*speakers)) == 14
    assert not (done.folder / "librispeech-dev-clean").exists()

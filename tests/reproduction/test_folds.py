from contravox.manifest import Manifest
from reproduction.folds import make_folds


def test_every_speaker_is_tested_once_and_never_by_a_model_that_heard_him(folds, manifest):
    tested = []
    for fold in folds:
        heard, test = set(Manifest.read(fold.manifest).speakers), set(fold.trials.manifest.speakers)
        assert not heard & test
        assert heard | test == set(manifest.speakers)
        tested += sorted(test)
        assert set(fold.speakers[0]) | set(fold.speakers[1]) == test
    assert sorted(tested) == sorted(manifest.speakers)


def test_trials_are_within_a_corpus(folds):
    for fold in folds:
        for enrolment, test in zip(*fold.speakers, strict=True):
            assert enrolment.split("/")[0] == test.split("/")[0]


def test_by_corpora_one_is_heard_and_the_others_tested(manifest, tmp_path):
    folds = make_folds(manifest, 2, tmp_path / "output", "corpora")
    assert [fold.name for fold in folds] == ["first_alone", "second_alone"]
    for fold, corpus in zip(folds, ("first", "second"), strict=True):
        assert set(Manifest.read(fold.manifest).table["corpus"]) == {corpus}
        assert corpus not in set(fold.trials.manifest.table["corpus"])


def test_a_share_of_the_labels_is_one_of_each_corpus_and_the_same_every_time(folds):
    whole = Manifest.read(folds[0].manifest)
    assert folds[0].labelled(1) == folds[0].manifest
    path = folds[0].labelled(0.5)
    half = Manifest.read(path)
    for corpus in ("first", "second"):
        names = [name for name in half.speakers if name.startswith(corpus)]
        assert len(names) == round(sum(n.startswith(corpus) for n in whole.speakers) / 2)
    assert len(half) == 2 * len(half.speakers)
    before = path.read_bytes()
    path.unlink()
    assert folds[0].labelled(0.5).read_bytes() == before


def test_a_share_of_the_labels_is_of_the_folds_as_they_are_now(folds, manifest, tmp_path):
    folds[0].labelled(0.5)
    # With one speaker less, the others of the corpus fall into other folds.
    fewer = manifest.of_speakers(manifest.speakers[1:])
    fold = make_folds(fewer, 2, tmp_path / "output")[0]
    kept = set(Manifest.read(fold.labelled(0.5)).speakers)
    assert kept < set(Manifest.read(fold.manifest).speakers)
    assert not kept & set(fold.trials.manifest.speakers)

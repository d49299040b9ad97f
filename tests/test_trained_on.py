import warnings

import polars as pl
import pytest

from contravox.embedding_model import ModelDescription
from contravox.errors import ModelError, OverlapError, OverlapWarning
from contravox.manifest import COLUMNS, Manifest
from contravox.trained_on import (
    TrainedOn,
    recording_digests,
    recordings_trained_on,
    refuse_shared,
    speaker_digests,
    write_recordings,
)


def manifest(corpus, speakers, digests):
    rows = [
        (f"{s}/{d}", s, None, "/a.wav", 0.0, 1.0, 16_000)
        for s, d in zip(speakers, digests, strict=True)
    ]
    table = pl.DataFrame(rows, schema=COLUMNS, orient="row")
    table = table.with_columns(digest=pl.Series(digests))
    return Manifest(table if corpus is None else table.with_columns(corpus=pl.lit(corpus)))


TRAINING = manifest("vox", ["1", "2", "2"], ["aa", "bb", "cc"])


def refuse(test, training=TRAINING):
    TrainedOn().and_of(training, labels_used=True).refuse(test, "list", "say so")


def test_a_speaker_trained_on_is_refused_and_counted():
    with pytest.raises(OverlapError, match=r"^list: 1 of its 2 speakers .* 'vox/2', .* or say so$"):
        refuse(manifest("vox", ["2", "3"], ["x", "y"]))


def test_a_recording_trained_on_is_refused_under_any_name():
    with pytest.raises(OverlapError, match=r"1 of its 2 recordings .* '9/cc'"):
        refuse(manifest("other", ["8", "9"], ["x", "cc"]))


def test_speakers_of_other_corpora_may_share_a_name():
    refuse(manifest("other", ["1", "2"], ["x", "y"]))
    assert not set(speaker_digests(TRAINING)) & set(
        speaker_digests(manifest("other", ["1", "2"], ["x", "y"]))
    )


def test_no_two_pairs_of_corpus_and_speaker_are_taken_for_one():
    pairs = [("a\tb", "c"), ("a", "b\tc"), ("a\\", "tb"), ("a\\t", "b"), ("a/b", "c"), ("a", "b/c")]
    digests = [set(speaker_digests(manifest(corpus, [name], ["x"]))) for corpus, name in pairs]
    assert len(set().union(*digests)) == len(pairs)


def test_a_speaker_is_the_same_in_every_unicode_form():
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    with pytest.raises(OverlapError, match="1 of its 1 speakers"):
        refuse(manifest("vox", [composed], ["x"]), training=manifest("vox", [decomposed], ["y"]))


def test_what_a_manifest_does_not_say_is_not_compared():
    with pytest.warns(OverlapWarning, match="^list: not known whether its speakers or recordings"):
        refuse(Manifest(TRAINING.table.drop("corpus", "digest")))
    refuse(TRAINING, training=Manifest(TRAINING.table.drop("corpus", "digest")))
    unknown = TRAINING.table.with_columns(
        corpus=pl.lit(None, dtype=pl.String), digest=pl.lit(None, dtype=pl.String)
    )
    refuse(Manifest(unknown), training=Manifest(unknown))
    for silent in (Manifest(unknown), Manifest(TRAINING.table.drop("corpus", "digest"))):
        assert speaker_digests(silent) == {}
        assert recording_digests(silent).to_list() == []


def test_clusters_are_nobody_and_their_recordings_are_known():
    some = pl.when(pl.col("speaker") == "1").then(pl.lit("clusters"))
    clusters = Manifest(TRAINING.table.with_columns(speaker_source=some))
    assert list(speaker_digests(clusters).values()) == ["vox/2"]
    refuse(manifest("vox", ["1"], ["x"]), training=clusters)
    with pytest.raises(OverlapError, match=r"1 of its 1 recordings .* '9/aa'"):
        refuse(manifest("other", ["9"], ["aa"]), training=clusters)


def test_recordings_are_kept_beside_the_model(tmp_path):
    assert recordings_trained_on(tmp_path / "model.safetensors").to_list() == []
    write_recordings(tmp_path, recording_digests(TRAINING))
    assert recordings_trained_on(tmp_path / "model.safetensors").to_list() == ["aa", "bb", "cc"]
    (tmp_path / "trained_on.txt").write_bytes(b"aa\n\xff\n")
    with pytest.raises(ModelError, match=r"trained_on\.txt: row 2: is not UTF-8"):
        recordings_trained_on(tmp_path / "model.safetensors")


def test_digests_of_a_part_of_the_file_refuse_nothing_and_are_told():
    part = "0123456789abcdef"
    old, new = (
        manifest(name, ["1", "2"], [part, digest]) for name, digest in (("a", part), ("b", "x"))
    )
    with pytest.warns(OverlapWarning, match="^list: not known .* prepare the corpora again$"):
        refuse(old, training=new)
    with pytest.warns(OverlapWarning):
        refuse(manifest("c", ["1"], ["sha256:1"]), training=old)


def test_digests_that_can_be_compared_warn_of_nothing(recwarn):
    refuse(manifest("b", ["1"], ["x"]), training=manifest("a", ["1"], ["y"]))
    assert not recwarn


def bare(*paths):
    rows = [(f"u{p}", "1", None, p, 0.0, 1.0, 16_000) for p in paths]
    return Manifest(pl.DataFrame(rows, schema=COLUMNS, orient="row"))


def test_recordings_without_digests_are_known_by_their_places():
    with pytest.raises(OverlapError, match=r"^a and b: 1 of its 2 recordings .* 'u/y', .* say so$"):
        refuse_shared(bare("/x", "/y"), bare("/y", "/z"), "a and b", "say so")
    part = bare("/y").table.with_columns(start=2.0)
    with pytest.warns(OverlapWarning, match="^a and b: not known"):
        refuse_shared(bare("/x", "/y"), Manifest(part), "a and b", "say so")


def test_where_a_name_is_one_recording_names_are_compared():
    other = Manifest(bare("/z").table.with_columns(utterance=pl.lit("u/y")))
    with pytest.raises(OverlapError, match="'u/y'"):
        refuse_shared(bare("/x", "/y"), other, "a and b", "say so", by_name=True)
    with pytest.warns(OverlapWarning):
        refuse_shared(bare("/x", "/y"), other, "a and b", "say so")


UNLABELLED = manifest(None, ["1", "2", "2"], ["aa", "bb", "cc"])


def of_model(folder, **settings):
    learned = TrainedOn().and_of(UNLABELLED, labels_used=False)
    described = ModelDescription(
        trained_on=tuple(learned.speakers), recordings_trained_on=3, **settings
    )
    return learned, TrainedOn.of_model(folder / "model.onnx", described)


def test_recordings_that_did_not_come_along_with_a_model_are_told(tmp_path):
    test = manifest(None, ["7"], ["cc"])
    learned, alone = of_model(tmp_path)
    with pytest.warns(OverlapWarning, match=r"trained_on\.txt, which names 3 of them, .* copy it"):
        alone.refuse(test, "list", "say so")
    # Those of another model are no better.
    write_recordings(tmp_path, learned.recordings.head(2))
    with pytest.warns(OverlapWarning, match="copy it there"):
        of_model(tmp_path)[1].refuse(test, "list", "say so")
    write_recordings(tmp_path, learned.recordings)
    with pytest.raises(OverlapError, match="1 of its 1 recordings"):
        of_model(tmp_path)[1].refuse(test, "list", "say so")


def test_what_was_lost_stays_lost_in_what_is_trained_from_it(tmp_path):
    _, alone = of_model(tmp_path)
    for further in (
        alone.and_of(manifest(None, ["5"], ["dd"]), labels_used=True),
        TrainedOn().and_by(alone),
    ):
        assert further.lost == 3
        with pytest.warns(OverlapWarning, match="copy it there"):
            further.refuse(manifest(None, ["7"], ["cc"]), "list", "say so")


def test_where_speakers_tell_the_file_is_not_missed(tmp_path):
    learned = TrainedOn().and_of(TRAINING, labels_used=True)
    described = ModelDescription(trained_on=tuple(learned.speakers), recordings_trained_on=3)
    alone = TrainedOn.of_model(tmp_path / "model.onnx", described)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone.refuse(manifest("vox", ["9"], ["x"]), "list", "say so")

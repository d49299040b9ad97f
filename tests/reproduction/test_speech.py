import numpy as np
import polars as pl
import pytest
import soundfile

from contravox.errors import AudioError, ManifestError
from reproduction.speech import STATE, decoded, pooled


def test_copies_hold_the_same_samples_and_are_made_once(speech, tmp_path):
    copies = decoded(speech, tmp_path / "wav")
    for corpus in ("first", "second"):
        table = pl.read_csv(copies / corpus / "utterances.tsv", separator="\t")
        before = pl.read_csv(speech / corpus / "utterances.tsv", separator="\t")
        assert len(table) == 12
        for copy, original in zip(table["path"], before["path"], strict=True):
            assert copy.endswith(".wav")
            samples = soundfile.read(copies / corpus / copy, dtype="int16")[0]
            assert np.array_equal(
                samples, soundfile.read(speech / corpus / original, dtype="int16")[0]
            )
    places = {path: path.stat().st_mtime_ns for path in copies.rglob("*.*")}
    decoded(speech, copies)
    assert places == {path: path.stat().st_mtime_ns for path in copies.rglob("*.*")}


def test_wav_is_used_where_it_lies(speech, tmp_path):
    copies = decoded(speech, tmp_path / "wav")
    assert decoded(copies, tmp_path / "again") == copies
    assert not (tmp_path / "again").exists()


def test_what_is_pooled_has_two_utterances_a_speaker_and_its_session(speech, tmp_path):
    (speech / "first" / "first3" / "u1.ogg").unlink()
    table = pooled(speech, tmp_path / "output").table
    assert table["corpus"].value_counts().sort("corpus")["count"].to_list() == [10, 12]
    assert "first3" not in set(table["speaker"])
    assert set(table["session"]) == {"1"}


def test_a_corpus_is_prepared_once_and_again_where_its_recordings_moved_or_changed(
    speech, tmp_path, monkeypatch
):
    before = pooled(speech, tmp_path / "output").table
    with monkeypatch.context() as patched:
        patched.setattr("reproduction.speech.prepare_corpus", None)
        assert pooled(speech, tmp_path / "output").table.equals(before)
        for known in (tmp_path / "output").rglob(STATE):
            known.unlink()
        assert pooled(speech, tmp_path / "output").table.equals(before)
    moved = speech.rename(tmp_path / "moved")
    after = pooled(moved, tmp_path / "output").table
    assert after["path"].str.starts_with(f"{moved.resolve()}/").all()
    assert after.drop("path").equals(before.drop("path"))
    (moved / "second" / "second3" / "u1.wav").write_bytes(
        (moved / "second" / "second4" / "u1.wav").read_bytes()
    )
    assert pooled(moved, tmp_path / "output").table["digest"].n_unique() == len(before) - 1


def test_a_folder_without_corpora_is_refused(tmp_path):
    with pytest.raises(ManifestError, match="holds no corpus"):
        pooled(tmp_path, tmp_path / "output")


@pytest.mark.parametrize("damage", ["missing", "no audio"])
def test_a_recording_that_cannot_be_decoded_is_named(speech, tmp_path, damage):
    path = speech / "first" / "first2" / "u1.ogg"
    path.unlink()
    if damage == "no audio":
        path.write_text("no audio")
    with pytest.raises(AudioError, match=r"first2/u1\.ogg: cannot be decoded"):
        decoded(speech, tmp_path / "wav")
    assert not (tmp_path / "wav" / "first" / "utterances.tsv").exists()

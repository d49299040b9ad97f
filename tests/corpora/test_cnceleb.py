import numpy as np
import polars as pl
import soundfile

import trees
from contravox.audio.waveform import read_audio
from contravox.trials.trial_set import TrialSet


def test_both_releases_and_their_parts(prepare, tmp_path):
    trees.cnceleb(tmp_path / "cn")
    done = prepare("cnceleb", tmp_path / "cn")
    table = done.table()
    assert dict(table["subset"].value_counts().rows()) == {
        "dev": 12,
        "eval": 12,
        "cnceleb2": 2,
        "enroll": 2,
        "test": 4,
    }
    row = table.row(by_predicate=pl.col("utterance") == "test/id00800-singing-01-003", named=True)
    assert (row["speaker"], row["session"], row["genre"]) == ("id00800", "singing-01", "singing")
    row = table.row(by_predicate=pl.col("utterance") == "enroll/id00800-enroll", named=True)
    assert (row["speaker"], row["session"], row["genre"]) == ("id00800", None, None)
    assert set(done.column("speaker", "train")) == {"id00000", "id00799", "id10000"}
    assert done.counts["subset cnceleb2"]["speakers in release"] == 1_996
    # The same recording by another name is told by its digest.
    same = table.filter(pl.col("digest").is_duplicated())["utterance"]
    assert sorted(same)[:2] == ["id00800/interview-02-003", "id00800/singing-01-003"]


def test_the_two_protocols(prepare, tmp_path):
    trees.cnceleb(tmp_path / "cn")
    done = prepare("cnceleb", tmp_path / "cn")
    concatenated = TrialSet.read(done.folder / "cnceleb-concatenated")
    averaged = TrialSet.read(done.folder / "cnceleb-averaged")
    assert concatenated.trials.table.rows()[:3] == [
        ("id00800-enroll", "test/id00800-singing-01-003", True),
        ("id00800-enroll", "test/id00800-interview-02-003", True),
        ("id00800-enroll", "test/id00999-singing-01-003", False),
    ]
    assert averaged.trials.table.equals(concatenated.trials.table)
    assert concatenated.enrolments.table.rows() == [
        ("id00800-enroll", "enroll/id00800-enroll"),
        ("id00999-enroll", "enroll/id00999-enroll"),
    ]
    assert averaged.enrolments.table.rows()[:3] == [
        ("id00800-enroll", "id00800/singing-01-001"),
        ("id00800-enroll", "id00800/singing-01-002"),
        ("id00800-enroll", "id00800/interview-02-001"),
    ]
    assert averaged.protocol.enrolment == "several utterances"
    assert concatenated.protocol.enrolment == "utterances concatenated"


def test_an_enrolment_that_lacks_an_utterance_is_dropped(prepare, refused, tmp_path):
    trees.cnceleb(tmp_path / "cn")
    (tmp_path / "cn/CN-Celeb_flac/data/id00800/singing-01-002.flac").write_bytes(b"")
    line = refused("cnceleb", tmp_path / "cn")
    assert "cnceleb-averaged: 4 of 8 trials need 1 utterances" in line
    done = prepare("cnceleb", tmp_path / "cn", "--drop-missing")
    averaged = TrialSet.read(done.folder / "cnceleb-averaged")
    assert set(averaged.trials.table["enrolment"]) == {"id00999-enroll"}
    assert set(averaged.enrolments.table["enrolment"]) == {"id00999-enroll"}
    assert done.counts["cnceleb-averaged"]["trials dropped"] == 4
    assert len(TrialSet.read(done.folder / "cnceleb-concatenated").trials) == 8
    assert "singing-01-002.flac\t" in (done.folder / "skipped.tsv").read_text()


def test_one_release_alone(prepare, refused, tmp_path):
    trees.cnceleb(tmp_path / "cn")
    done = prepare("cnceleb", tmp_path / "cn" / "CN-Celeb2_flac")
    assert done.column("speaker", "train") == ["id10000", "id10000"]
    assert "subset dev" not in done.counts
    (tmp_path / "cn" / "CN-Celeb_flac" / "dev" / "dev.lst").unlink()
    assert (prepare("cnceleb", tmp_path / "cn" / "CN-Celeb2_flac")).counts["train"]
    done.folder.rename(tmp_path / "done")
    assert "no dev/dev.lst, which says who" in refused("cnceleb", tmp_path / "cn")


def test_short_utterances_are_joined(prepare, tmp_path):
    """Three utterances of 0.5 s in a session and at most 1.2 s: two joined, one left alone."""
    trees.cnceleb(tmp_path / "cn")
    data = tmp_path / "cn" / "CN-Celeb_flac" / "data" / "id00000"
    trees.write_audio(data / "singing-01-000.flac", 2.0, seed=77)
    trees.write_audio(data / "singing-01-004.flac", 0.6, seed=78)
    trees.write_audio(data / "singing-01-005.flac", 0.5, seed=79)
    done = prepare("cnceleb", tmp_path / "cn", "--join-shorter", 2.0)
    train = done.table("train").filter(speaker="id00000", session="singing-01")
    assert train.select("utterance", "duration").rows() == [
        # 2 s is not short; 0.5 + 0.5 + 0.5 and not the 0.6 more; 0.6 + 0.5.
        ("id00000/singing-01-000", 2.0),
        ("id00000/singing-01-joined-001", 1.5),
        ("id00000/singing-01-joined-002", 1.1),
    ]
    assert train["genre"].to_list() == ["singing"] * 3
    assert train["corpus"].to_list() == ["cnceleb"] * 3
    path = train["path"][1]
    assert path == str(done.folder / "joined" / "id00000" / "singing-01-joined-001.flac")
    parts = [soundfile.read(data / f"singing-01-00{n}.flac", dtype="int16")[0] for n in (1, 2, 3)]
    np.testing.assert_array_equal(
        soundfile.read(path, dtype="int16")[0], np.concatenate(parts), strict=True
    )
    assert read_audio(path).shape == (24_000,)
    # The corpus itself stays as it lies, and so do tests.
    assert not any("joined" in name for name in done.column("utterance"))
    assert not any("joined" in name for name in done.column("utterance", "cnceleb-averaged"))
    assert not any("id008" in path.parent.name for path in (done.folder / "joined").rglob("*.flac"))

    times = {path: path.stat().st_mtime_ns for path in (done.folder / "joined").rglob("*.flac")}
    before = done.files()
    again = prepare("cnceleb", tmp_path / "cn", "--join-shorter", 2.0)
    assert again.files() == before
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    # What was joined of other recordings is not kept, though it be as long.
    trees.write_audio(data / "singing-01-002.flac", 0.5, seed=500)
    prepare("cnceleb", tmp_path / "cn", "--join-shorter", 2.0)
    changed = {path for path, time in times.items() if path.stat().st_mtime_ns != time}
    assert changed == {done.folder / "joined" / "id00000" / "singing-01-joined-001.flac"}


def test_a_joint_with_a_recording_that_cannot_be_read_is_left_out(prepare, tmp_path):
    """Its first and last bytes are whole, so its header does not tell."""
    trees.cnceleb(tmp_path / "cn")
    broken = tmp_path / "cn" / "CN-Celeb_flac" / "data" / "id00000" / "singing-01-002.flac"
    trees.write_audio(broken, 1.5, seed=5)
    whole = bytearray(broken.read_bytes())
    whole[len(whole) // 3 : len(whole) // 2] = bytes(len(whole) // 2 - len(whole) // 3)
    broken.write_bytes(whole)
    done = prepare("cnceleb", tmp_path / "cn", "--join-shorter", 5)
    assert "singing-01-002.flac\tcannot be decoded" in (done.folder / "skipped.tsv").read_text()
    train = done.table("train").filter(speaker="id00000")
    assert train["utterance"].to_list() == ["id00000/interview-02-joined-001"]

import os

import numpy as np
import polars as pl
import pytest
import soundfile

import trees
from contravox.audio.digests import audio_digest
from contravox.corpora import scan
from contravox.corpora.folder import folder_recordings, unlabelled_recordings
from contravox.corpora.scan import HEADER, scan_recordings
from contravox.errors import ManifestError
from contravox.files.journal import Journal
from tones import tone


def test_a_folder_per_speaker_with_and_without_sessions(tmp_path):
    trees.write_audio(tmp_path / "ann" / "1.wav", 0.5)
    trees.write_audio(tmp_path / "ann" / "home" / "may" / "2.flac", 0.75)
    trees.write_audio(tmp_path / "böb" / "a b.ogg", 1.0)
    (tmp_path / "böb" / "notes.txt").write_text("not audio")
    table = scan_recordings(folder_recordings(tmp_path)).manifest.table
    assert table.select("utterance", "speaker", "session").rows() == [
        ("ann/1.wav", "ann", None),
        ("ann/home/may/2.flac", "ann", "home/may"),
        ("böb/a b.ogg", "böb", None),
    ]
    np.testing.assert_allclose(table["duration"], [0.5, 0.75, 1.0])
    assert table["path"][0] == str((tmp_path / "ann" / "1.wav").resolve())


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3"])
def test_files_that_were_cut_short_are_found_by_their_headers(tmp_path, suffix):
    for name in ("whole", "half"):
        path = tmp_path / "in" / "ann" / f"{name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(3.0, 150), 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    prepared = scan_recordings(folder_recordings(tmp_path / "in"))
    assert prepared.manifest.table["utterance"].to_list() == [f"ann/whole.{suffix}"]
    [(skipped, reason)] = prepared.skipped
    assert skipped == str(path)
    assert "cut short" in reason or "cannot be decoded" in reason


def test_files_that_cannot_be_used_are_listed_with_the_reason(tmp_path):
    ann = tmp_path / "in" / "ann"
    trees.write_audio(ann / "good.wav")
    trees.write_audio(ann / "short.wav", 0.05)
    (ann / "text.wav").write_text("hello")
    (ann / "empty.flac").write_bytes(b"")
    (ann / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    scanned = scan_recordings(folder_recordings(tmp_path / "in"))
    assert scanned.manifest.table["utterance"].to_list() == ["ann/good.wav"]
    reasons = {path.rpartition("/")[2]: reason for path, reason in scanned.skipped}
    assert set(reasons) == {"short.wav", "text.wav", "empty.flac", "gone.wav"}
    assert reasons["short.wav"] == "only 0.05 s long"
    assert "cannot be read as audio" in reasons["text.wav"]
    assert "cannot be read as audio" in reasons["empty.flac"]
    assert reasons["gone.wav"].startswith("no such file")


def test_nothing_usable(tmp_path):
    with pytest.raises(ManifestError, match="no such folder"):
        folder_recordings(tmp_path / "none")
    (tmp_path / "ann").mkdir()
    with pytest.raises(ManifestError, match="holds no audio file"):
        folder_recordings(tmp_path)
    (tmp_path / "ann" / "text.wav").write_text("hello")
    with pytest.raises(ManifestError, match="none of 1 files can be used"):
        scan_recordings(folder_recordings(tmp_path))


def test_audio_outside_a_speakers_folder(tmp_path):
    trees.write_audio(tmp_path / "loose.wav")
    with pytest.raises(ManifestError, match=r"loose\.wav: lies in no speaker's folder"):
        folder_recordings(tmp_path)
    table = scan_recordings(unlabelled_recordings(tmp_path)).manifest.table
    assert table.select("utterance", "speaker").rows() == [("loose.wav", None)]


def other_samples(path, place):
    """Change one sample of a WAV file."""
    samples, rate = soundfile.read(path, dtype="int16")
    samples[place] += 1
    soundfile.write(path, samples, rate)


@pytest.mark.parametrize("place", [0, 7_000, 48_000, 80_000, 95_999])
def test_recordings_that_differ_anywhere_have_digests_of_their_own(tmp_path, place):
    for name in ("a", "copy", "other"):
        trees.write_audio(tmp_path / f"{name}.wav", 6.0, 1)
    other_samples(tmp_path / "other.wav", place)
    digests = {name: audio_digest(tmp_path / f"{name}.wav") for name in ("a", "copy", "other")}
    assert digests["a"] == digests["copy"] != digests["other"]
    assert digests["a"].startswith("sha256:")


def test_recordings_padded_to_one_length_have_digests_of_their_own(tmp_path):
    for number in range(6):
        padded = np.pad(tone(1.0, 100 + 20 * number), (0, 9 * 16_000))
        path = tmp_path / "in" / f"s{number}" / "a.wav"
        path.parent.mkdir(parents=True)
        soundfile.write(path, padded, 16_000)
    table = scan_recordings(folder_recordings(tmp_path / "in")).manifest.table
    assert table["digest"].n_unique() == 6


@pytest.fixture
def seven(tmp_path, monkeypatch):
    """Seven files, headers read in blocks of two, and the names of the files whose were read."""
    for seed in range(7):
        trees.write_audio(tmp_path / "in" / "ann" / f"{seed}.wav", 0.2 + 0.01 * seed, seed)
    read, whole = [], scan.audio_info

    def audio_info(path):
        read.append(path.rpartition("/")[2])
        return whole(path)

    monkeypatch.setattr(scan, "BLOCK", 2)
    monkeypatch.setattr(scan, "audio_info", audio_info)
    return folder_recordings(tmp_path / "in"), read


def test_an_interrupted_scan_goes_on_from_its_journal(seven, tmp_path):
    recordings, read = seven
    journal = Journal(tmp_path / "out" / ".headers", HEADER)
    whole = scan_recordings(recordings).manifest.table

    def interrupt(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan_recordings(recordings, journal=journal, progress=interrupt)
    # A file that changed since, one that is gone, and a block that was not finished.
    trees.write_audio(tmp_path / "in" / "ann" / "1.wav", 0.5, 99)
    (journal.folder / ".000002.parquet.1.tmp").write_bytes(b"half")
    # What is no block, or one of another version of contravox.
    (journal.folder / "cut.parquet").write_bytes(
        next(journal.folder.glob("*.parquet")).read_bytes()[:99]
    )
    pl.DataFrame({"path": [], "digest": []}).write_parquet(journal.folder / "old.parquet")
    read.clear()
    steps = []
    resumed = scan_recordings(
        recordings, journal=journal, progress=lambda *step: steps.append(step)
    ).manifest.table
    assert sorted(read) == ["1.wav", "4.wav", "5.wav", "6.wav"]
    assert steps == [(4, 7), (5, 7), (6, 7), (7, 7)]
    assert resumed["duration"].to_list() == pytest.approx([0.2, 0.5, 0.22, 0.23, 0.24, 0.25, 0.26])
    same = pl.col("utterance") != "ann/1.wav"
    assert resumed.filter(same).equals(whole.filter(same))
    journal.remove()
    assert not journal.folder.exists()
    assert not len(journal.read())


def test_the_header_of_a_file_with_many_parts_is_read_once(seven):
    recordings, read = seven
    parts = [
        recordings.with_columns(start=pl.lit(0.01 * n), utterance=pl.col("path") + f"{n}")
        for n in range(3)
    ]
    table = scan_recordings(pl.concat(parts)).manifest.table
    assert len(table) == 21
    assert len(read) == 7


def test_a_file_replaced_with_its_size_and_time_is_read_again(seven, tmp_path):
    recordings, _ = seven
    journal = Journal(tmp_path / "out" / ".headers", HEADER)

    def interrupt(done, total):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan_recordings(recordings, journal=journal, progress=interrupt)
    path = tmp_path / "in" / "ann" / "1.wav"
    before = path.stat()
    other_samples(path, 100)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    resumed = scan_recordings(recordings, journal=journal).manifest.table
    assert resumed["digest"].to_list() == [audio_digest(each) for each in resumed["path"]]

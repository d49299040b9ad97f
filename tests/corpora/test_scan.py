import numpy as np
import polars as pl
import pytest
import soundfile

import trees
from contravox.corpora import scan
from contravox.corpora.folder import folder_recordings, unlabelled_recordings
from contravox.corpora.journal import Journal
from contravox.corpora.scan import audio_digest, scan_recordings
from contravox.errors import ManifestError
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
    prepared = scan_recordings(folder_recordings(tmp_path / "in"))
    prepared.write(tmp_path / "out")
    assert prepared.manifest.table["utterance"].to_list() == ["ann/good.wav"]
    header, *lines = (tmp_path / "out" / "skipped.tsv").read_text().splitlines()
    assert header == "path\treason"
    reasons = {line.split("\t")[0].rpartition("/")[2]: line.split("\t")[1] for line in lines}
    assert reasons["short.wav"] == "only 0.05 s long"
    assert "cannot be read as audio" in reasons["text.wav"]
    assert "cannot be read as audio" in reasons["empty.flac"]
    assert reasons["gone.wav"] == "no such file"
    # Once all is mended there is no list any more.
    for name in reasons:
        (ann / name).unlink()
    scan_recordings(folder_recordings(tmp_path / "in")).write(tmp_path / "out")
    assert not (tmp_path / "out" / "skipped.tsv").exists()


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


def test_a_digest_tells_recordings_apart_and_copies_not(tmp_path):
    for name, seed in (("a", 1), ("copy", 1), ("other", 2)):
        trees.write_audio(tmp_path / f"{name}.wav", 6.0, seed)
    digests = {name: audio_digest(str(tmp_path / f"{name}.wav")) for name in ("a", "copy", "other")}
    assert digests["a"] == digests["copy"] != digests["other"]
    # As long, and the same but for the middle, and for the length.
    samples, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    samples[len(samples) // 2] += 1
    soundfile.write(tmp_path / "middle.wav", samples, 16_000)
    assert audio_digest(str(tmp_path / "middle.wav")) != digests["a"]
    quiet = {n: np.zeros(n, np.int16) for n in (64_000, 64_002)}
    for length, waveform in quiet.items():
        soundfile.write(tmp_path / f"{length}.wav", waveform, 16_000)
    assert audio_digest(str(tmp_path / "64000.wav")) != audio_digest(str(tmp_path / "64002.wav"))


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
    journal = Journal(tmp_path / "out" / ".headers")
    whole = scan_recordings(recordings).manifest.table

    def interrupt(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan_recordings(recordings, journal=journal, progress=interrupt)
    # A file that changed since, one that is gone, and a block that was not finished.
    trees.write_audio(tmp_path / "in" / "ann" / "1.wav", 0.5, 99)
    (journal.folder / ".000002.parquet.1.tmp").write_bytes(b"half")
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

import numpy as np
import pytest
import soundfile

from contravox.corpora.an4 import an4_recordings
from contravox.corpora.folder import folder_recordings
from contravox.corpora.scan import scan_recordings
from contravox.errors import ManifestError
from tones import tone


def write(path, seconds=0.5, **keywords):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(seconds, 150), 16_000, **keywords)


def test_a_folder_per_speaker_with_and_without_sessions(tmp_path):
    write(tmp_path / "ann" / "1.wav", 0.5)
    write(tmp_path / "ann" / "home" / "may" / "2.flac", 0.75)
    write(tmp_path / "böb" / "a b.ogg", 1.0)
    (tmp_path / "böb" / "notes.txt").write_text("not audio")
    table = scan_recordings(folder_recordings(tmp_path)).manifest.table
    assert table.select("utterance", "speaker", "session").rows() == [
        ("ann/1.wav", "ann", None),
        ("ann/home/may/2.flac", "ann", "home/may"),
        ("böb/a b.ogg", "böb", None),
    ]
    np.testing.assert_allclose(table["duration"], [0.5, 0.75, 1.0])
    assert table["path"][0] == str((tmp_path / "ann" / "1.wav").resolve())


def test_files_that_cannot_be_used_are_listed_with_the_reason(tmp_path):
    write(tmp_path / "in" / "ann" / "good.wav")
    write(tmp_path / "in" / "ann" / "short.wav", 0.05)
    (tmp_path / "in" / "ann" / "text.wav").write_text("hello")
    prepared = scan_recordings(folder_recordings(tmp_path / "in"))
    prepared.write(tmp_path / "out")
    assert prepared.manifest.table["utterance"].to_list() == ["ann/good.wav"]
    _, short, text = (tmp_path / "out" / "skipped.tsv").read_text().splitlines()
    assert short.endswith("short.wav\tonly 0.050 s long")
    assert "text.wav\tcannot be read as audio" in text


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
    write(tmp_path / "loose.wav")
    with pytest.raises(ManifestError, match=r"loose\.wav: lies in no speaker's folder"):
        folder_recordings(tmp_path)


def test_an4_as_released(tmp_path):
    for part, speaker, name in [
        ("an4_clstk", "fash", "an251-fash-b"),
        ("an4_clstk", "fash", "an253-fash-b"),
        ("an4test_clstk", "fcaw", "an406-fcaw-b"),
    ]:
        write(
            tmp_path / "an4" / "wav" / part / speaker / f"{name}.sph",
            format="NIST",
            subtype="PCM_16",
        )
    prepared = scan_recordings(an4_recordings(tmp_path))
    assert prepared.manifest.table.select("utterance", "speaker", "session").rows() == [
        ("fash/an251-fash-b.sph", "fash", "1"),
        ("fash/an253-fash-b.sph", "fash", "1"),
        ("fcaw/an406-fcaw-b.sph", "fcaw", "1"),
    ]


def test_another_folder_is_not_an4(tmp_path):
    write(tmp_path / "ann" / "1.wav")
    with pytest.raises(ManifestError, match="no wav/an4_clstk below it"):
        an4_recordings(tmp_path)

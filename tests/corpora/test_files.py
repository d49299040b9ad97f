import os

import pytest

import trees
from contravox.corpora.files import audio_files, recordings_like
from contravox.errors import ManifestError


def test_links_are_followed_and_circles_end(tmp_path):
    trees.write_audio(tmp_path / "far" / "bob" / "1.wav")
    trees.write_audio(tmp_path / "in" / "ann" / "1.WAV")
    (tmp_path / "in" / "bob").symlink_to(tmp_path / "far" / "bob")
    (tmp_path / "in" / "ann" / "up").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "up").symlink_to(tmp_path / "far")
    found = audio_files(tmp_path / "in").to_list()
    assert found == sorted(found)
    assert f"{tmp_path}/in/ann/1.WAV" in found
    assert f"{tmp_path}/in/bob/1.wav" in found
    assert len(found) < 6


def test_names_that_are_not_utf8(tmp_path):
    with open(os.fsencode(tmp_path) + b"/caf\xe9.wav", "wb"):
        pass
    with pytest.raises(ManifestError, match=r"caf\\udce9\.wav': its name is not UTF-8"):
        audio_files(tmp_path)


def test_paths_are_matched_from_the_folders_own_name_on(tmp_path):
    """What lies above is not looked at: it might look like the corpus."""
    pattern = r"/(?<utterance>(?<speaker>s\d)/[^/]+)\.[^./]+$"
    folder = tmp_path / "s1" / "s2"
    for name in ("a.wav", "x/b.wav", "s3/c.flac"):
        trees.write_audio(folder / name)
    found = recordings_like(folder, pattern)
    assert found.select("utterance", "speaker").rows() == [("s2/a", "s2"), ("s3/c", "s3")]
    assert found["path"][0] == str(folder / "a.wav")

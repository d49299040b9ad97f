import os

import pytest

import trees
from contravox.corpora.files import archives, audio_files, recordings_like
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


def test_another_corpus_is_recognised(refused, tmp_path):
    trees.cnceleb(tmp_path / "in")
    line = refused("voxceleb1", tmp_path / "in")
    assert "not VoxCeleb1: looked for wav/id10001/1zcIwhmdeo4/00001.wav" in line
    assert "found CN-Celeb2_flac, CN-Celeb_flac: it looks like CN-Celeb" in line
    assert "use `contravox prepare cnceleb`" in line


@pytest.mark.parametrize(
    "corpus",
    ["voxceleb1", "voxceleb2", "cnceleb", "voices", "librispeech", "an4", "musan", "rirs"],
)
def test_each_corpus_is_recognised_and_is_no_other(refused, tmp_path, corpus):
    build = getattr(trees, corpus)
    build(tmp_path / "in", *(["m4a"] if corpus == "voxceleb2" else []))
    other = "librispeech" if corpus != "librispeech" else "voxceleb1"
    assert f"use `contravox prepare {corpus}`" in refused(other, tmp_path / "in")


def test_a_folder_per_speaker_and_a_data_folder_of_kaldi(refused, tmp_path):
    trees.write_audio(tmp_path / "in" / "ann" / "1.wav")
    assert "for any folder per speaker use `contravox prepare folder`" in refused(
        "an4", tmp_path / "in"
    )
    trees.write_lines(tmp_path / "in" / "wav.scp", "a a.wav")
    assert "use `contravox prepare kaldi`" in refused("an4", tmp_path / "in")


def test_archives_that_are_not_unpacked(prepare, refused, tmp_path):
    trees.write_lines(tmp_path / "in" / "vox1_dev_wav_partaa", "zip")
    trees.write_lines(tmp_path / "in" / "vox1_test_wav.zip", "zip")
    for number in range(5):
        trees.write_lines(tmp_path / "in" / f"x{number}.txt", "text")
    line = refused("voxceleb1", tmp_path / "in")
    assert "found vox1_dev_wav_partaa, vox1_test_wav.zip, x0.txt, x1.txt, x2.txt and 2 more" in line
    assert line.endswith("unpack the archives first, such as vox1_dev_wav_partaa")
    trees.voxceleb1(tmp_path / "in")
    warnings = prepare("voxceleb1", tmp_path / "in").warnings
    assert any("not all of vox1_dev_wav_partaa may be unpacked" in line for line in warnings)


def test_names_of_archives(tmp_path):
    names = ["cn-celeb_v2.tar.gz", "a.tgz", "vox2_aac.z01", "x_partab", "rirs_noises.zip"]
    for name in [*names, "vox1_meta.csv", "veri_test.txt", "parts.lst", "department"]:
        trees.write_lines(tmp_path / name, "")
    assert archives(tmp_path) == sorted(names)


def test_an_empty_folder_and_none(refused, tmp_path):
    (tmp_path / "in").mkdir()
    assert "found nothing: give the folder of the unpacked corpus" in refused(
        "voxceleb2", tmp_path / "in"
    )
    assert "none: no such folder" in refused("voxceleb2", tmp_path / "none")

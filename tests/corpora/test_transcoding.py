"""Transcoding with a program that stands in for ffmpeg: it takes AAC to be WAV by another name."""

import json
import os
import sys

import numpy as np
import pytest
import soundfile

from contravox.corpora.transcoding import transcode_folder
from contravox.errors import AudioError, ManifestError, MissingExtraError
from tones import tone

STAND_IN = f"""#!{sys.executable}
import sys, soundfile
arguments = sys.argv[1:]
source, target = arguments[arguments.index("-i") + 1], arguments[-1]
with open({{calls!r}}, "a") as calls:
    calls.write(source + "\\n")
for option, value in (("-ac", "1"), ("-ar", "16000"), ("-f", "flac"), ("-sample_fmt", "s16")):
    assert arguments[arguments.index(option) + 1] == value
if open(source, "rb").read(4) != b"RIFF":
    open(target, "wb").write(b"half")
    sys.exit("first line\\nInvalid data found\\n")
if source.endswith("hollow.m4a"):
    open(target, "wb").close()
    sys.exit()
samples, rate = soundfile.read(source)
soundfile.write(target, samples, rate, format="FLAC")
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Two files of AAC, one of something else, and a stand-in for ffmpeg that notes its calls."""
    for name in ("dev/aac/id00012/vidéo 1/00001.m4a", "dev/aac/id00013/x/00001.MP4"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True)
        soundfile.write(path, tone(0.5, 150), 16_000, format="WAV")
    (tmp_path / "in" / "notes.txt").write_text("not audio")
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(STAND_IN.format(calls=str(tmp_path / "calls")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def calls(tree):
    path = tree / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_the_same_tree_in_flac(tree):
    steps = []
    progress = lambda *step: steps.append(step)  # noqa: E731
    assert transcode_folder(tree / "in", tree / "out", progress=progress) == 2
    assert steps == [(1, 2), (2, 2)]
    samples, rate = soundfile.read(tree / "out" / "dev/aac/id00012/vidéo 1/00001.flac")
    assert rate == 16_000
    np.testing.assert_allclose(samples, tone(0.5, 150), atol=1e-4)
    assert (tree / "out" / "dev/aac/id00013/x/00001.flac").exists()
    assert len([path for path in (tree / "out").rglob("*") if path.is_file()]) == 2


@pytest.mark.parametrize("times_are_kept", [False, True])
def test_what_was_made_of_another_recording_is_transcoded_again(tree, times_are_kept):
    transcode_folder(tree / "in", tree / "out", jobs=1)
    source = tree / "in" / "dev/aac/id00013/x/00001.MP4"
    before = source.stat()
    soundfile.write(source, tone(0.5, 300), 16_000, format="WAV")
    if times_are_kept:
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    transcode_folder(tree / "in", tree / "out", jobs=1)
    assert calls(tree)[2:] == [str(source)]
    samples, _ = soundfile.read(tree / "out" / "dev/aac/id00013/x/00001.flac")
    np.testing.assert_allclose(samples, tone(0.5, 300), atol=1e-4)


def test_what_is_there_is_not_transcoded_again(tree):
    transcode_folder(tree / "in", tree / "out", jobs=1)
    (tree / "out" / "dev/aac/id00012/vidéo 1/00001.flac").unlink()
    assert transcode_folder(tree / "in", tree / "out", jobs=1) == 2
    assert [line.rpartition("/")[2] for line in calls(tree)] == [
        "00001.m4a",
        "00001.MP4",
        "00001.m4a",
    ]


def test_failures_are_listed_and_mended(tree, run):
    bad = tree / "in" / "dev" / "aac" / "bad.m4a"
    bad.write_bytes(b"not AAC")
    soundfile.write(tree / "in" / "hollow.m4a", tone(0.5, 150), 16_000, format="WAV")
    command = ["transcode", tree / "in", "-o", tree / "out", "--jobs", "2"]
    status, _, errors = run(*command)
    assert status == 2
    [line] = errors.strip().splitlines()
    assert f"{tree}/out/failed.tsv: lists 2 of 4 files" in line
    header, first, second = (tree / "out" / "failed.tsv").read_text().splitlines()
    assert header == "path\treason"
    assert first == f"{bad}\tffmpeg failed with exit 1: Invalid data found"
    assert second.startswith(f"{tree}/in/hollow.m4a\tcannot be read as audio")
    # The others were transcoded, and of the failed ones there is no half file.
    files = {path.name for path in (tree / "out").rglob("[!.]*") if path.is_file()}
    assert files == {"00001.flac", "failed.tsv"}
    bad.unlink()
    (tree / "in" / "hollow.m4a").unlink()
    status, output, _ = run(*command, "--json")
    assert not status
    assert json.loads(output) == {"output": str(tree / "out"), "files": 2}
    assert not (tree / "out" / "failed.tsv").exists()


def test_an_interrupt_leaves_only_whole_files(tree):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transcode_folder(tree / "in", tree / "out", jobs=1, progress=interrupt)
    for path in (tree / "out").rglob("*.*"):
        assert soundfile.info(path).duration == 0.5
    assert transcode_folder(tree / "in", tree / "out") == 2


def test_mistakes(tree, monkeypatch):
    (tree / "empty").mkdir()
    with pytest.raises(ManifestError, match=r"empty: holds nothing to transcode \(looked for"):
        transcode_folder(tree / "empty", tree / "out")
    (tree / "in" / "dev/aac/id00013/x/00001.m4a").write_bytes(b"")
    with pytest.raises(ManifestError, match=r"00001\.MP4 and .*00001\.m4a would both become"):
        transcode_folder(tree / "in", tree / "out")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingExtraError, match="transcoding needs ffmpeg, which is not here"):
        transcode_folder(tree / "in", tree / "out")


def test_every_failure_is_an_error(tree):
    (tree / "in" / "bad.m4a").write_bytes(b"")
    for _ in range(2):
        with pytest.raises(AudioError, match="lists 1 of 3 files"):
            transcode_folder(tree / "in", tree / "out")

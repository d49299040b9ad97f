"""``contravox prepare`` on any corpus; each of the public ones is in tests/corpora."""

import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest
import soundfile

from contravox.corpora import scan
from contravox.corpora.preparation import CORPORA, prepare_corpus
from contravox.errors import ManifestError
from contravox.manifest import Manifest
from contravox.trials.trial_set import TrialSet


def written(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("[!.]*")
        if path.is_file()
    }


def test_a_second_run_writes_the_same_bytes(tone_corpus, tmp_path):
    for split in (False, True):
        folder = tmp_path / str(split)
        first = prepare_corpus("folder", tone_corpus, folder, split=split)
        before = written(folder)
        assert prepare_corpus("folder", tone_corpus, folder, split=split) == first
        assert written(folder) == before
        assert not any(".headers" in name for name in before)


def test_what_was_made_before_is_asked_for_again(tone_corpus, tmp_path):
    """An unsplit corpus has all utterances and trials; a split one parts that add up to it."""
    counts = prepare_corpus("folder", tone_corpus, tmp_path / "whole")
    assert counts == {
        "corpus": {
            "speakers": 12,
            "utterances": 60,
            "minutes": 1,
            "files skipped": 0,
            # 6 pairs across the two sessions of each speaker; 5 × 5 of each pair of speakers.
            "trials": 12 * 6 + 66 * 25,
        }
    }
    table = TrialSet.read(tmp_path / "whole").manifest.table
    assert set(table["corpus"]) == {"tones"}
    assert table["digest"].n_unique() == 60
    counts = prepare_corpus("folder", tone_corpus, tmp_path / "split", split=True)
    assert [counts[part]["speakers"] for part in ("train", "validation", "test")] == [8, 2, 2]
    parts = [Manifest.read(tmp_path / "split" / part / "manifest.tsv") for part in list(counts)[1:]]
    assert len(Manifest.joined(parts)) == 60


def test_speakers_held_out_of_a_corpus_without_parts(tone_corpus, tmp_path):
    counts = prepare_corpus("folder", tone_corpus, tmp_path, hold_out=4)
    assert (counts["train"]["speakers"], counts["validation"]["speakers"]) == (8, 4)
    held = TrialSet.read(tmp_path / "validation")
    assert len(held.manifest.speakers) == 4
    other = prepare_corpus("folder", tone_corpus, tmp_path / "other", hold_out=4, seed=1)
    assert other["train"]["speakers"] == 8
    assert TrialSet.read(tmp_path / "other/validation").manifest.speakers != held.manifest.speakers
    with pytest.raises(ManifestError, match="--hold-out: --split makes"):
        prepare_corpus("folder", tone_corpus, tmp_path, hold_out=4, split=True)
    with pytest.raises(ManifestError, match="--hold-out: a tree of audio has no training part"):
        prepare_corpus("unlabelled", tone_corpus, tmp_path, hold_out=4)


def test_parts_of_a_call_before_are_taken_away(tone_corpus, tmp_path, run):
    command = ("prepare", "folder", tone_corpus, "-o", tmp_path)
    assert run(*command, "--split")[0] == 0
    assert run(*command, "--hold-out", 4)[0] == 0
    prepare_corpus("folder", tone_corpus, tmp_path / "other", hold_out=4)
    expected = written(tmp_path / "other")
    shutil.rmtree(tmp_path / "other")
    (tmp_path / ".contravox.json").unlink()
    # test/ is gone, of whose speakers some are in train/ now.
    assert written(tmp_path) == expected
    # What another command has made there since is not ours to take.
    assert run("prepare", "trials", tmp_path / "manifest.tsv", "-o", tmp_path / "test")[0] == 0
    theirs = written(tmp_path / "test")
    prepare_corpus("folder", tone_corpus, tmp_path)
    assert written(tmp_path / "test") == theirs
    assert {path.name for path in tmp_path.iterdir()} == {"manifest.tsv", "trials.tsv", "test"}


def test_an_unlabelled_tree(tone_corpus, tmp_path):
    prepare_corpus("unlabelled", tone_corpus, tmp_path)
    table = Manifest.read(tmp_path / "manifest.tsv").table
    assert table["speaker"].null_count() == len(table) == 60
    assert not (tmp_path / "trials.tsv").exists()


def test_names_of_corpora_are_those_of_the_command_line():
    from contravox.commands.prepare import Corpus

    assert [*CORPORA, "trials"] == [corpus.value for corpus in Corpus]


def test_paths_with_spaces_quotes_and_other_alphabets(tone_corpus, tmp_path):
    wav = next(tone_corpus.rglob("*.wav")).read_bytes()
    names = ['с пробелом/1 "a".wav', "с пробелом/2\ttab.wav", "王/home, sweet/1.wav", "王/2\n.wav"]
    for name in names:
        path = tmp_path / "in ö" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wav)
    prepare_corpus("folder", tmp_path / "in ö", tmp_path / "out")
    table = Manifest.read(tmp_path / "out" / "manifest.tsv").table
    assert sorted(table["utterance"]) == sorted(names)
    assert set(table["path"]) == {str(tmp_path / "in ö" / name) for name in names}


def test_folders_that_look_the_same_are_one_speaker_and_told(tone_corpus, tmp_path):
    wavs = sorted(tone_corpus.rglob("*.wav"))
    for number, name in enumerate(["Zo\u00eb", "Zoe\u0308", "ZO\u00cb", "ann"]):
        path = tmp_path / "in" / name / f"{number}.wav"
        path.parent.mkdir(parents=True)
        path.write_bytes(wavs[number].read_bytes())
    notes = []
    counts = prepare_corpus("folder", tmp_path / "in", tmp_path / "out", note=notes.append)
    assert counts["corpus"]["speakers"] == 3
    [told] = notes
    assert "in: 1 speakers have names that look the same" in told
    assert "such as in/Zo\u00eb, " in told
    trials = pl.read_csv(tmp_path / "out" / "trials.tsv", separator="\t")
    assert trials.filter(pl.col("target") == 1).height == 1


def test_an_interrupted_command_goes_on(tone_corpus, tmp_path):
    """What a killed run read is not read again: a run that finds it all is told by its journal."""
    wav = next(tone_corpus.rglob("*.wav"))
    for number in range(5_000):
        path = tmp_path / "in" / f"s{number % 50:02}" / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(wav)
    command = [sys.executable, "-m", "contravox", "prepare", "unlabelled", "in", "-o", "out"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    journal = tmp_path / "out" / ".headers"
    while not list(journal.glob("*/*.parquet")) and process.poll() is None:
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    if process.returncode:
        assert process.returncode == 130
        assert errors.strip().endswith("stopped: the same command goes on from here")
        assert not (tmp_path / "out" / "manifest.tsv").exists()
        assert list(journal.glob("*/*.parquet"))
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert not journal.exists()
    # Who wrote what, which the command keeps and the function does not.
    (tmp_path / "out" / ".contravox.json").unlink()
    prepare_corpus("unlabelled", tmp_path / "in", tmp_path / "other")
    assert written(tmp_path / "out") == written(tmp_path / "other")
    assert len(pl.read_csv(tmp_path / "out" / "manifest.tsv", separator="\t")) == 5_000


def test_what_was_read_for_another_corpus_does_not_count(tmp_path, monkeypatch):
    """Of an impulse response a part is used, and of speech the whole file."""
    noise = np.random.default_rng(0).normal(size=4_000) * np.exp(-np.arange(4_000) / 300)
    (tmp_path / "in").mkdir()
    for number in range(6):
        sound = np.pad(0.1 * noise, (8_000, 20_000))
        sound[8_000] = 0.9
        soundfile.write(tmp_path / "in" / f"{number}.wav", sound, 16_000)
    monkeypatch.setattr(scan, "BLOCK", 2)

    def stop(done, _):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_corpus("responses", tmp_path / "in", tmp_path / "out", progress=stop)
    assert list((tmp_path / "out").rglob("*.parquet"))
    prepare_corpus("unlabelled", tmp_path / "in", tmp_path / "out")
    table = Manifest.read(tmp_path / "out" / "manifest.tsv").table
    assert table.select("start", "duration").rows() == [(0.0, 2.0)] * 6
    assert not (tmp_path / "out" / ".headers").exists()


def test_counts_are_printed_beside_the_releases(tone_corpus, tmp_path, run):

    wav = next(tone_corpus.rglob("*.wav")).read_bytes()
    for name in ("music/fma/music-fma-0000.wav", "noise/x/y.wav"):
        path = tmp_path / "musan" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(wav)
    command = ["prepare", "musan", tmp_path / "musan", "-o", tmp_path / "o"]
    _, output, errors = run(*command)
    assert output.splitlines() == [
        "corpus: 0 speakers, 2 utterances, 0 minutes, 0 files skipped",
        "kind music: 0 speakers, 1 utterances (release: 660), 0 minutes",
        "kind noise: 0 speakers, 1 utterances (release: 930), 0 minutes",
    ]
    assert errors.strip() == (
        f"warning: {tmp_path}/musan: not the whole release: 1 utterances of 660 in music, "
        "1 utterances of 930 in noise"
    )
    printed = json.loads(run(*command, "--json")[1])
    assert printed["kind noise"]["utterances in release"] == 930
    assert len(printed["warnings"]) == 1


def test_a_recording_under_two_speakers_is_said(tone_corpus, tmp_path):
    wavs = sorted(tone_corpus.rglob("*.wav"))
    for name, wav in {"a/1": wavs[0], "a/2": wavs[1], "b/1": wavs[7], "b/2": wavs[0]}.items():
        path = tmp_path / "in" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wav.read_bytes())
    notes = []
    prepare_corpus("folder", tmp_path / "in", tmp_path / "out", note=notes.append)
    [note] = notes
    assert "2 utterances are the same recordings under several speakers" in note
    assert "such as a/1.wav, b/2.wav" in note


def test_where_nothing_can_be_joined_it_is_told(tone_corpus, tmp_path):
    notes: list[str] = []
    settings = {"split": True, "join_shorter": 5.0, "note": notes.append}
    prepare_corpus("folder", tone_corpus, tmp_path / "joined", **settings)
    assert not notes
    # Without folders for sessions nobody knows which are of one.
    for number, path in enumerate(sorted(tone_corpus.rglob("*.wav"))):
        copy = tmp_path / "flat" / path.parts[-3] / f"{number}.wav"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    prepare_corpus("folder", tmp_path / "flat", tmp_path / "alone", **settings)
    [note] = notes
    assert "--join-shorter joined nothing" in note

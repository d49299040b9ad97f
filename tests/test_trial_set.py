import polars as pl
import pytest

from contravox.enrolments import Enrolments
from contravox.errors import ManifestError, TrialsError
from contravox.manifest import Manifest
from contravox.protocol import Protocol
from contravox.trial_set import TrialSet
from contravox.trials import Trials
from test_manifest import manifest

PAIRS = [("s0/u0", "s0/u1", True), ("s3/u1", "s0/u0", False)]
MODELS = [("m", "s0/u1", True), ("n", "s0/u1", False)]
BEHIND = [("m", "s0/u0"), ("m", "s0/u2"), ("n", "s1/u0")]


def trials(*rows):
    return Trials(pl.DataFrame(rows, schema=["enrolment", "test", "target"], orient="row"))


def enrolments(*rows):
    return Enrolments(pl.DataFrame(rows, schema=["enrolment", "utterance"], orient="row"))


def test_only_the_utterances_needed_are_taken():
    pairs = TrialSet.of(trials(*PAIRS), manifest(), Protocol("list"))
    assert pairs.manifest.table["utterance"].to_list() == ["s0/u0", "s0/u1", "s3/u1"]
    models = TrialSet.of(trials(*MODELS), manifest(), Protocol("list"), enrolments(*BEHIND))
    assert models.manifest.table["utterance"].to_list() == ["s0/u0", "s0/u1", "s0/u2", "s1/u0"]


def test_speakers_of_both_sides():
    pairs = TrialSet.of(trials(*PAIRS), manifest(), Protocol("list"))
    assert pairs.enrolment_speakers.tolist() == ["s0", "s3"]
    assert pairs.test_speakers.tolist() == ["s0", "s0"]
    models = TrialSet.of(trials(*MODELS), manifest(), Protocol("list"), enrolments(*BEHIND))
    assert models.enrolment_speakers.tolist() == ["s0", "s1"]
    unnamed = Manifest(manifest().table.with_columns(speaker=pl.lit(None, dtype=pl.String)))
    with pytest.raises(ManifestError, match="'s0/u0' has no speaker"):
        _ = TrialSet.of(trials(*PAIRS), unnamed, Protocol("list")).enrolment_speakers


def test_what_is_unknown_is_named():
    with pytest.raises(TrialsError, match=r"^list: 1 of 2 utterances .* such as 'x'"):
        TrialSet.of(trials(("s0/u0", "x", False)), manifest(), Protocol("list"))
    with pytest.raises(TrialsError, match="no utterance is known of enrolment 'o'"):
        TrialSet.of(trials(("o", "s0/u1", True)), manifest(), Protocol("list"), enrolments(*BEHIND))


@pytest.mark.parametrize("behind", [None, enrolments(*BEHIND)])
def test_written_and_read_again(tmp_path, behind):
    rows = PAIRS if behind is None else MODELS
    written = TrialSet.of(trials(*rows), manifest(), Protocol("official", "corpus"), behind)
    written.write(tmp_path / "official")
    for place in (tmp_path / "official", tmp_path / "official" / "trials.tsv"):
        read = TrialSet.read(place)
        assert read.trials.table.equals(written.trials.table)
        assert read.manifest.table.equals(written.manifest.table)
        assert (read.enrolments is None) == (behind is None)
        assert (read.name, read.protocol.corpus) == ("official", "corpus")


def test_a_list_that_nobody_named_is_called_by_its_path(tmp_path):
    trials(*PAIRS).write(tmp_path / "mine.tsv")
    manifest().write(tmp_path / "all.tsv")
    read = TrialSet.read(tmp_path / "mine.tsv", tmp_path / "all.tsv")
    assert read.name == str(tmp_path / "mine.tsv")
    assert len(read.manifest) == 3


def test_without_what_cannot_be_read():
    before = Protocol("list", trials_dropped=4)
    pairs = TrialSet.of(trials(*PAIRS), manifest(), before).without(["s0/u1"])
    assert pairs.trials.table.rows() == PAIRS[1:]
    assert pairs.protocol.trials_dropped == 4 + 1
    assert pairs.manifest.table["utterance"].to_list() == ["s0/u0", "s3/u1"]
    models = TrialSet.of(trials(*MODELS), manifest(), Protocol("list"), enrolments(*BEHIND))
    fewer = models.without(["s0/u0"])
    assert fewer.trials.table.rows() == MODELS
    assert fewer.enrolments.table["utterance"].to_list() == ["s0/u2", "s1/u0"]
    assert models.without(["s1/u0"]).trials.table.rows() == MODELS[:1]
    with pytest.raises(TrialsError, match="no trial is left"):
        models.without(["s0/u1"])


@pytest.mark.parametrize("behind", [None, enrolments(*BEHIND)])
def test_a_list_alone_knows_names_and_nothing_else(tmp_path, behind):
    rows = PAIRS if behind is None else MODELS
    TrialSet.of(trials(*rows), manifest(), Protocol("list"), behind).write(tmp_path)
    (tmp_path / "manifest.tsv").unlink()
    alone = TrialSet.read_alone(tmp_path)
    assert alone.trials.table.rows() == rows
    assert alone.manifest.table["speaker"].null_count() == len(alone.manifest)
    assert "s0/u0" in alone.manifest.table["utterance"].to_list()

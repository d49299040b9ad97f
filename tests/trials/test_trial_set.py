import polars as pl
import pytest

from contravox.errors import ManifestError, TrialsError, TrialsWarning
from contravox.files import outputs
from contravox.manifest import Manifest
from contravox.trials.enrolments import Enrolments
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import FILES, TrialSet
from contravox.trials.trials import Trials
from manifests import manifest, pooled

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
    assert pairs.manifest.speakers == ["s0", "s3"]
    assert pairs.enrolment_speakers.tolist() == [0, 1]
    assert pairs.test_speakers.tolist() == [0, 0]
    models = TrialSet.of(trials(*MODELS), manifest(), Protocol("list"), enrolments(*BEHIND))
    assert models.manifest.speakers == ["s0", "s1"]
    assert models.enrolment_speakers.tolist() == [0, 1]
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


def test_speakers_of_two_corpora_are_told_apart_on_both_sides():
    rows = [("a", "0", "A"), ("b", "0", "A"), ("c", "0", "B")]
    pairs = TrialSet.of(trials(("a", "b", True), ("c", "b", False)), pooled(*rows), Protocol("l"))
    assert pairs.manifest.speakers == ["A/0", "B/0"]
    assert pairs.enrolment_speakers.tolist() == [0, 1]
    assert pairs.test_speakers.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("row", "kind", "who"),
    [
        (("s0/u0", "s1/u1", True), "target", "s0, s1"),
        (("s2/u0", "s2/u1", False), "non-target", "s2, s2"),
    ],
)
def test_a_list_that_contradicts_the_manifest_is_refused(row, kind, who):
    with pytest.raises(TrialsError, match=f"1 of 3 trials .* a {kind} trial of speakers {who}: "):
        TrialSet.of(trials(*PAIRS, row), manifest(), Protocol("list"))
    # Of whom nothing is known, nothing is contradicted.
    unknown = manifest().table.with_columns(
        speaker=pl.when(pl.col("utterance") != row[0]).then("speaker")
    )
    assert len(TrialSet.of(trials(*PAIRS[1:], row), Manifest(unknown), Protocol("l")).trials) == 2


@pytest.mark.parametrize(
    ("rows", "wrong", "pair"),
    [
        ([("a", "b", True), ("c", "d", True), ("a", "b", False)], 2, "'a' and 'b'"),
        ([("c", "d", False), ("a", "b", False), ("b", "a", True)], 2, "'a' and 'b'"),
        ([("a", "b", True), ("c", "c", False)], 1, "'c' and 'c'"),
    ],
)
def test_a_list_that_contradicts_itself_is_refused_though_nobody_is_known(
    tmp_path, rows, wrong, pair
):
    trials(*rows).write(tmp_path / "trials.tsv")
    with pytest.raises(TrialsError, match=f"{wrong} of {len(rows)} trials .* such as {pair}, "):
        TrialSet.read_alone(tmp_path)


def test_an_enrolment_is_no_utterance_of_its_name(tmp_path):
    """The trial of an enrolment with the recording it is called like says nothing of itself."""
    rows = [("a", "b", True), ("b", "a", False), ("a", "a", False)]
    trials(*rows).write(tmp_path / "trials.tsv")
    enrolments(("a", "c"), ("b", "d")).write(tmp_path / "enrolments.tsv")
    alone = TrialSet.read_alone(tmp_path)
    assert (sum(alone.self_trials), alone.listed_twice) == (0, 0)
    trials(*rows, ("a", "b", False)).write(tmp_path / "trials.tsv")
    with pytest.raises(TrialsError, match="2 of 4 trials cannot be true together"):
        TrialSet.read_alone(tmp_path)


def test_pairs_listed_before_are_counted_in_either_order_and_by_any_name():
    rows = [*PAIRS, *((test, enrolment, same) for enrolment, test, same in PAIRS), PAIRS[0]]
    assert TrialSet.of(trials(*rows), manifest(), Protocol("l")).listed_twice == 3
    copies = Manifest(manifest().table.with_columns(path=pl.col("speaker")))
    rows = [("s0/u0", "s1/u0", False), ("s1/u1", "s0/u2", False)]
    assert TrialSet.of(trials(*rows), manifest(), Protocol("l")).listed_twice == 0
    assert TrialSet.of(trials(*rows), copies, Protocol("l")).listed_twice == 1
    models = [*MODELS, MODELS[0]]
    made = TrialSet.of(trials(*models), manifest(), Protocol("l"), enrolments(*BEHIND))
    assert made.listed_twice == 1


def test_an_enrolment_of_two_people_is_refused():
    two = enrolments(*BEHIND, ("n", "s2/u0"))
    with pytest.raises(TrialsError, match=r"enrolment 'n' is of several speakers, s1, s2: "):
        TrialSet.of(trials(*MODELS), manifest(), Protocol("list"), two)


def test_trials_of_a_recording_with_itself_are_counted():
    table = manifest().table
    copies = table.with_columns(
        path=pl.when(pl.col("utterance") == "s0/u2")
        .then(pl.lit("/audio/s0/u0.wav"))
        .otherwise("path")
    )
    rows = (*PAIRS, ("s4/u0", "s4/u0", True), ("s0/u0", "s0/u2", True))
    assert sum(TrialSet.of(trials(*rows), Manifest(table), Protocol("l")).self_trials) == 1
    assert sum(TrialSet.of(trials(*rows), Manifest(copies), Protocol("l")).self_trials) == 2
    # Two parts of a file are two recordings, and two files of one digest are one.
    parts = copies.with_columns(
        start=pl.when(pl.col("utterance") == "s0/u2").then(7.0).otherwise(0.0)
    )
    assert sum(TrialSet.of(trials(*rows), Manifest(parts), Protocol("l")).self_trials) == 1
    digests = table.with_columns(digest=pl.col("speaker"))
    assert sum(TrialSet.of(trials(*rows), Manifest(digests), Protocol("l")).self_trials) == 3


def test_a_list_that_flatters_is_told(tmp_path, recwarn):
    holding = [("m", "s0/u2", True), ("m", "s0/u1", True), ("n", "s0/u2", False)]
    made = TrialSet.of(trials(*holding), manifest(), Protocol("list"), enrolments(*BEHIND))
    assert sum(made.self_trials) == 1
    made.write(tmp_path)
    with pytest.warns(TrialsWarning, match=r"trials.tsv: 1 of 3 trials compare a recording with"):
        TrialSet.read(tmp_path)
    TrialSet.of(trials(*MODELS), manifest(), Protocol("list"), enrolments(*BEHIND)).write(tmp_path)
    TrialSet.read(tmp_path)
    assert not [each for each in recwarn if each.category is TrialsWarning]


def test_a_recording_under_two_speakers_is_told_to_spoil(tmp_path):
    """It is no trial that flatters: whatever the system, it is an error."""
    copies = manifest().table.with_columns(
        path=pl.when(pl.col("utterance") == "s1/u0")
        .then(pl.lit("/audio/s0/u0.wav"))
        .otherwise("path")
    )
    rows = (*PAIRS, ("s0/u0", "s1/u0", False))
    TrialSet.of(trials(*rows), Manifest(copies), Protocol("list")).write(tmp_path)
    with pytest.warns(TrialsWarning, match=r"1 of 3 trials .* as of two people, so they spoil"):
        TrialSet.read(tmp_path)


def test_what_is_claimed_of_a_trial_list_is_what_lies_in_its_folder():
    assert outputs.TRIAL_FOLDER == FILES

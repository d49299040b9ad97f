"""``contravox prepare trials``: one list of several corpora."""

import json

import polars as pl
import pytest

from contravox.corpora.preparation import prepare_corpus
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import TrialSet


@pytest.fixture
def prepare(run):
    """Exit status, output and error stream's lines of ``contravox prepare``."""

    def prepare(*arguments):
        status, output, errors = run("prepare", *arguments)
        return status, output, errors.splitlines()

    return prepare


@pytest.fixture
def corpora(tone_corpus, tmp_path):
    """Manifests of two corpora whose speakers and utterances have the same names."""
    for name in ("one", "two"):
        (tmp_path / name).symlink_to(tone_corpus)
        prepare_corpus("folder", tone_corpus, tmp_path / f"{name}_out")
        path = tmp_path / f"{name}_out" / "manifest.tsv"
        table = pl.read_csv(path, separator="\t", infer_schema=False)
        table.with_columns(corpus=pl.lit(name)).write_csv(path, separator="\t")
    return [tmp_path / f"{name}_out" / "manifest.tsv" for name in ("one", "two")]


def test_one_list_of_two_corpora(prepare, corpora, tmp_path):
    command = ["trials", *corpora, "-o", tmp_path / "pool", "--most", 50]
    code, out, errors = prepare(*command, "--json")
    assert (code, errors) == (0, [])
    counts = json.loads(out)["trials"]
    # Of each corpus 12 speakers with 5 utterances in two sessions: 6 pairs each across them.
    assert counts["targets"] == counts["non-targets"] == 100
    assert counts["targets within a session"] == 0
    read = TrialSet.read(tmp_path / "pool")
    assert len(read.trials) == 200
    assert len(read.manifest) == counts["utterances"]
    for enrolment, test, target in read.trials.table.rows():
        one, other = enrolment.split("/"), test.split("/")
        assert one[0] == other[0]
        assert (one[1] == other[1]) == target
    header, *_ = (tmp_path / "pool" / "trials.tsv").read_text().splitlines()
    assert header == "enrolment\ttest\ttarget"
    # The same command again, and another that would replace what it made.
    assert prepare(*command)[0] == 0
    code, _, errors = prepare("trials", corpora[0], "-o", tmp_path / "pool")
    assert code == 2
    assert "was made from another input" in errors[-1]


def test_nothing_of_a_list_that_was_there_before_is_left(prepare, corpora, tmp_path):
    pool = tmp_path / "pool"
    Protocol("voxceleb1-o", corpus="voxceleb1").write(pool)
    (pool / "enrolments.tsv").write_text("enrolment\tutterance\nm\ta\n")
    code, _, errors = prepare("trials", *corpora, "-o", pool)
    assert code == 2
    assert "is there already" in errors[-1]
    assert Protocol.read(pool).name == "voxceleb1-o"
    assert prepare("trials", *corpora, "-o", pool, "--force")[0] == 0
    made = TrialSet.read(pool)
    assert (made.protocol, made.enrolments) == (Protocol(str(pool / "trials.tsv")), None)


def test_what_is_said_of_sessions_and_of_names_that_two_share(prepare, corpora, tmp_path):
    for path in corpora:
        table = pl.read_csv(path, separator="\t", infer_schema=False).drop("corpus", "session")
        table = table.with_columns(utterance=pl.lit(path.parent.name) + pl.col("utterance"))
        table.write_csv(path, separator="\t")
    code, out, errors = prepare("trials", *corpora, "-o", tmp_path / "pool")
    assert code == 0
    assert out.startswith("trials: 12 speakers, 120 utterances, 540 targets, ")
    assert [line.partition(":")[0] for line in errors] == ["warning", "warning"]
    assert "12 speakers, such as s00, are in several manifests that name no corpus" in errors[0]
    assert "540 of 540 target trials are within a session, or of sessions that nobody" in errors[1]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["trials", "{one}", "--split"], "--split, --hold-out, --join-shorter and"),
        (["folder", "{one}", "--most", "5"], "--most and --across-corpora are of `prepare trials`"),
        (["folder", "{one}", "{two}"], "folder: takes one folder, and 2 are given"),
        (["trials", "{one}", "{one}"], "is in two of the manifests"),
        (["trials", "absent.tsv"], "absent.tsv: no such manifest"),
    ],
)
def test_options_that_are_of_something_else(prepare, corpora, tmp_path, arguments, reason):
    one, two = corpora
    given = [each.format(one=one, two=two) for each in arguments]
    code, _, errors = prepare(*given, "-o", tmp_path / "pool")
    assert code == 2
    assert len(errors) == 1
    assert reason in errors[0]
    assert not (tmp_path / "pool").exists()

import numpy as np
import polars as pl
import pytest

from contravox.data.sampling import SegmentRequest
from contravox.errors import RecipeError
from contravox.manifest import Manifest
from contravox.training.epoch import (
    corpora_in_epoch,
    last_positives,
    positives_in_epoch,
    positives_in_words,
)
from contravox.training.recipe import Recipe
from contravox.training.training_set import TrainingSet


@pytest.fixture
def read(tmp_path):
    """Two corpora, of 4 speakers with 12 utterances each, and of 3 with 2."""
    for corpus, speakers, utterances in (("long", 4, 12), ("short", 3, 2)):
        pl.DataFrame(
            [
                (f"{corpus}{s}-{u}", f"s{s}", f"{s}-{u}.wav", 1.0, corpus)
                for s in range(speakers)
                for u in range(utterances)
            ],
            schema=["utterance", "speaker", "path", "duration", "corpus"],
            orient="row",
        ).write_csv(tmp_path / f"{corpus}.tsv", separator="\t")

    def read_corpus(sampler, **data):
        recipe = {
            "data": {"manifest": [tmp_path / "long.tsv", tmp_path / "short.tsv"], **data},
            "sampler": {"name": "random_utterances", "utterances": 6, **sampler},
            "encoder": {"name": "ecapa_tdnn"},
            "objectives": {"one": {"name": "nt_xent"}},
        }
        corpus = TrainingSet.read(Recipe.model_validate(recipe))
        return corpora_in_epoch(corpus, corpus.sampler.batches(0))

    return read_corpus


def test_what_an_epoch_holds_of_each_corpus(read):
    found = read({"segments": 2})
    assert found["long"] == pytest.approx((96, 96 / 108, 48, 4, 24 / 108))
    assert found["short"] == pytest.approx((12, 12 / 108, 6, 3, 4 / 108))


def test_caps_and_shares_of_speakers_and_corpora_at_other_speeds(read):
    # Of every speaker, at each of two speeds, at most three: 24 and 12 utterances.
    found = read({"utterances_per_speaker": 3}, speeds=[0.9])
    assert found["long"][:2] == pytest.approx((24, 24 / 36))
    assert found["short"][:2] == pytest.approx((12, 12 / 36))
    assert found["short"].utterances == 6
    shared = read({"corpus_shares": {"short": 0.5}}, speeds=[0.9])
    assert shared["short"].share == pytest.approx(0.5, abs=0.05)
    assert shared["short"].identities == 3


def test_without_labels_no_speaker_is_capped_or_counted(read):
    found = read({"corpus_shares": {"short": 0.25}}, labels="utterance")
    assert found["short"].identities == found["short"].utterances == 6
    assert found["long"].share == pytest.approx(0.75, abs=0.05)
    with pytest.raises((RecipeError, ValueError), match="no speaker is known"):
        read({"utterances_per_speaker": 3}, labels="utterance")
    assert np.isclose(sum(part.share for part in found.values()), 1)


def count(positive_of, speakers, sessions, segments=2, **columns):
    """Of utterances 0, 1, ...: each segment after the first is of what ``positive_of`` has."""
    names = pl.Series([f"u{row}" for row in range(len(speakers))])
    manifest = Manifest.of_names(names)
    table = manifest.table.with_columns(
        speaker=pl.Series(speakers, dtype=pl.String),
        session=pl.Series(sessions, dtype=pl.String),
        **{name: pl.Series(values) for name, values in columns.items()},
    )
    batch = []
    for row, other in positive_of.items():
        batch.append(SegmentRequest(row, 0, 0, 7))
        for segment in range(1, segments):
            sampled = (other, segment, segment, 7, row if other != row else None)
            batch.append(SegmentRequest(*sampled))
    return positives_in_epoch(Manifest(table), [batch])


def test_whose_the_sampled_positives_are():
    speakers = ["ann", "ann", "ann", "bob", None, "bob"]
    sessions = ["1", "1", "2", "1", "1", None]
    # Of another utterance: same session, another session, another speaker in a session of the same
    # name, an unknown speaker, an unknown session; and two of their own.
    of = {0: 1, 1: 2, 2: 3, 3: 4, 5: 3, 4: 4}
    found = count(of, speakers, sessions)
    # Known are four pairs of speakers, of which three have known sessions.
    assert found == pytest.approx((5 / 6, 3 / 4, 1 / 3))
    assert found == count(of, speakers, sessions, segments=3)
    assert positives_in_words(found.known()) == (
        "of another utterance 83.3%, of those of the same speaker 75.0%, of the same session 33.3%"
    )
    nobody = count({0: 1, 1: 0}, [None, None], ["1", "1"])
    assert nobody.known() == {"share": 1}
    assert positives_in_words(nobody.known()) == "of another utterance 100.0%"
    assert count({0: 0, 1: 1}, ["a", "a"], ["1", "1"]).known() == {"share": 0}
    # Clusters are nobody's names.
    sources = [None, None, "clusters", "clusters"]
    partly = count({0: 2, 2: 3, 1: 0}, ["a"] * 4, ["1"] * 4, speaker_source=sources)
    assert partly == (1, 1, 1)
    clustered = count({0: 1, 1: 0}, ["a"] * 2, ["1"] * 2, speaker_source=["clusters"] * 2)
    assert clustered.known() == {"share": 1}


def test_the_last_epoch_s_are_read_from_the_log(tmp_path):
    assert last_positives(tmp_path) == {}
    lines = ['{"step": 4, "sampled_positives": {"share": 0.5}}', '{"step": 4, "losses": {"a": 1}}']
    lines += ['{"step": 8, "sampled_positives": {"share": 0.7}}', '{"step": 8}']
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    assert last_positives(tmp_path) == {"share": 0.7}

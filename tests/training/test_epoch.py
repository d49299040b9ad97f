import numpy as np
import polars as pl
import pytest

from contravox.errors import RecipeError
from contravox.training.epoch import corpora_in_epoch
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

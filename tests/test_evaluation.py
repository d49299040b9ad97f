import numpy as np
import polars as pl
import pytest

from contravox.embeddings import Embeddings
from contravox.errors import ManifestError
from contravox.evaluation import evaluate, trial_speakers, write_scores
from contravox.manifest import Manifest
from contravox.trials import make_trials
from test_manifest import manifest


def test_a_system_that_tells_speakers_apart_and_one_that_does_not(tmp_path):
    corpus = manifest(speakers=8, utterances=4)
    trials = make_trials(corpus)
    names = corpus.table["utterance"].to_list()
    centres = np.repeat(np.eye(8, dtype=np.float32), 4, axis=0)
    noise = np.random.default_rng(0).standard_normal((32, 8)).astype(np.float32)
    good = Embeddings(names, centres + 0.01 * noise)
    bad = Embeddings(names, noise)
    results = [
        evaluate("x", each, trials, corpus, labels_used=True, parameters=1) for each in (good, bad)
    ]
    assert results[0].equal_error_rate == 0
    assert results[0].interval == (0, 0)
    assert results[0].minimum_detection_cost == 0
    assert 0.3 < results[1].equal_error_rate < 0.7
    low, high = results[1].interval
    assert low < results[1].equal_error_rate < high
    # Each score is the cosine of the two utterances that its trial names.
    write_scores(tmp_path / "s.tsv", trials, results[1].scores)
    row = pl.read_csv(tmp_path / "s.tsv", separator="\t").row(100, named=True)
    a, b = (noise[names.index(row[side])] for side in ("enrolment", "test"))
    assert row["score"] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-5)


def test_intervals_need_speakers():
    corpus = manifest(speakers=2, utterances=2)
    unnamed = Manifest(corpus.table.with_columns(speaker=pl.lit(None, dtype=pl.String)))
    with pytest.raises(ManifestError, match="'s0/u0' has no speaker"):
        trial_speakers(pl.Series(["s0/u0"]), unnamed)
    speakers = trial_speakers(pl.Series(["s1/u0", "s0/u1", "s1/u0"]), corpus)
    assert speakers.tolist() == ["s1", "s0", "s1"]

import numpy as np
import polars as pl
import pytest

from contravox.embeddings import Embeddings
from contravox.errors import ScoringError
from contravox.manifest import Manifest
from contravox.scoring.calibration import Calibration
from contravox.scoring.calibration_columns import qualities, quality_columns, trial_columns
from contravox.scoring.scorer import Scored
from contravox.trials.enrolments import Enrolments
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import TrialSet
from contravox.trials.trials import Trials
from manifests import manifest

PAIRS = [("s0/u0", "s0/u1", True), ("s1/u0", "s0/u0", False)]
SECONDS = [1.0, 2.0, 4.0, 8.0, 1.0, 1.0]
LENGTHS = np.array([3, 1, 2, 5, 1, 1], np.float32)


@pytest.fixture
def corpus():
    return Manifest(manifest(2, 3).table.with_columns(duration=pl.Series(SECONDS)))


@pytest.fixture
def embeddings(corpus):
    units = np.eye(6, dtype=np.float32)
    return Embeddings(corpus.table["utterance"].to_list(), units * LENGTHS[:, None])


def trial_set(corpus, enrolments=None):
    trials = Trials(pl.DataFrame(PAIRS, schema=["enrolment", "test", "target"], orient="row"))
    return TrialSet.of(trials, corpus, Protocol("list"), enrolments)


def test_each_quality_is_two_columns(corpus, embeddings):
    scored = Scored(
        np.array([0.5, 0.1], np.float32),
        (np.array([0.3, 0.2], np.float32), np.array([0.1, 0.4], np.float32)),
    )
    quality = ("duration", "magnitude", "cohort")
    columns = trial_columns(scored, embeddings, trial_set(corpus), quality)
    expected = {
        "score": [0.5, 0.1],
        "lower log duration": np.log([1, 1]),
        "higher log duration": np.log([2, 8]),
        "lower magnitude": [1, 3],
        "higher magnitude": [3, 5],
        "lower cohort mean": [0.1, 0.2],
        "higher cohort mean": [0.3, 0.4],
    }
    assert list(columns) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(columns[name], values, rtol=1e-6)
    calibration = Calibration(offset=0, weights=dict.fromkeys(columns, 1.0))
    assert qualities(calibration) == quality
    assert qualities(Calibration(offset=0, weights={"score": 1})) == ()


def test_an_enrolment_of_several_has_their_mean(corpus, embeddings):
    rows = [("s0/u0", "s0/u0"), ("s0/u0", "s0/u2"), ("s1/u0", "s1/u0")]
    behind = Enrolments(pl.DataFrame(rows, schema=["enrolment", "utterance"], orient="row"))
    scored = Scored(np.zeros(2, np.float32))
    columns = trial_columns(scored, embeddings, trial_set(corpus, behind), ("duration",))
    np.testing.assert_allclose(columns["higher log duration"], np.log([2.5, 8]), rtol=1e-6)


def test_a_cohort_must_be_there(corpus, embeddings):
    with pytest.raises(ScoringError, match="normalise them"):
        trial_columns(Scored(np.zeros(2, np.float32)), embeddings, trial_set(corpus), ("cohort",))


def test_sides_may_change_places():
    first, second = np.array([1.0, 5.0, 3.0]), np.array([2.0, 4.0, 3.0])
    columns = quality_columns("log duration", first, second)
    assert {name: values.tolist() for name, values in columns.items()} == {
        "lower log duration": [1, 4, 3],
        "higher log duration": [2, 5, 3],
    }
    swapped = quality_columns("log duration", second, first)
    for name, values in columns.items():
        np.testing.assert_array_equal(values, swapped[name])

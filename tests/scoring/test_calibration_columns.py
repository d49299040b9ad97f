import numpy as np
import polars as pl
import pytest

from contravox.embeddings import Embeddings
from contravox.errors import ScoringError
from contravox.manifest import Manifest
from contravox.scoring.calibration import Calibration
from contravox.scoring.calibration_columns import (
    Side,
    bandwidth_columns,
    duration_column,
    qualities,
    quality_columns,
    ratios_of,
    trial_columns,
)
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


def test_qualities_are_columns_of_both_sides(corpus, embeddings):
    scored = Scored(
        np.array([0.5, 0.1], np.float32),
        (np.array([0.3, 0.2], np.float32), np.array([0.1, 0.4], np.float32)),
    )
    quality = ("duration", "bandwidth", "magnitude", "cohort")
    bandwidths = Embeddings(
        embeddings.utterances, np.float32([[8e3], [4e3], [5e3], [7e3], [0], [0]])
    )
    columns = trial_columns(scored, embeddings, trial_set(corpus), quality, bandwidths)
    expected = {
        "score": [0.5, 0.1],
        "log duration": np.log([4 / 3, 16 / 9]),
        "lower bandwidth": [4, 7],
        "higher bandwidth": [8, 8],
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
    np.testing.assert_allclose(
        columns["log duration"], np.log([2 / (1 / 2.5 + 1 / 2), 16 / 9]), rtol=1e-6
    )


def test_a_bandwidth_that_is_not_known_is_as_the_other_sides():
    columns = bandwidth_columns([np.nan, 4e3, 4e3], [8e3, np.nan, 8e3])
    np.testing.assert_array_equal(columns["lower bandwidth"], [8, 4, 4])
    np.testing.assert_array_equal(columns["higher bandwidth"], [8, 4, 8])


def test_bandwidths_must_be_there(corpus, embeddings):
    scored = Scored(np.zeros(2, np.float32))
    with pytest.raises(ScoringError, match="contravox evaluate"):
        trial_columns(scored, embeddings, trial_set(corpus), ("bandwidth",))


def test_a_cohort_must_be_there(corpus, embeddings):
    with pytest.raises(ScoringError, match="normalise them"):
        trial_columns(Scored(np.zeros(2, np.float32)), embeddings, trial_set(corpus), ("cohort",))


def test_sides_may_change_places():
    first, second = np.array([1.0, 5.0, 3.0]), np.array([2.0, 4.0, 3.0])
    columns = quality_columns("magnitude", first, second)
    assert {name: values.tolist() for name, values in columns.items()} == {
        "lower magnitude": [1, 4, 3],
        "higher magnitude": [2, 5, 3],
    }
    swapped = quality_columns("magnitude", second, first)
    for name, values in columns.items():
        np.testing.assert_array_equal(values, swapped[name])


def test_the_shorter_side_decides_how_long_a_trial_is():
    word, minute = 1.0, 60.0
    [both_words, with_a_minute, both_minutes] = duration_column(
        [word, word, minute], [word, minute, minute]
    )["log duration"]
    assert both_words == 0
    assert both_minutes == pytest.approx(np.log(60))
    # As two recordings of just under two seconds.
    assert np.exp(with_a_minute) == pytest.approx(120 / 61)
    again = duration_column([minute], [word])["log duration"]
    assert again == pytest.approx([with_a_minute])


def test_ratios_of_two_sides_by_hand():
    one, other = Side([2.0], [8e3], [3.0]), Side([2.0], [4e3], [5.0])
    calibration = Calibration(
        offset=1,
        weights={
            "score": 2,
            "log duration": 3,
            "lower bandwidth": 5,
            "higher bandwidth": 7,
            "lower magnitude": 11,
            "higher magnitude": 13,
        },
    )
    expected = 1 + 2 * 0.5 + 3 * np.log(2) + 5 * 4 + 7 * 8 + 11 * 3 + 13 * 5
    for sides in ((one, other), (other, one)):
        assert ratios_of(calibration, np.array([0.5]), *sides) == pytest.approx([expected])
    columns = bandwidth_columns(one.bandwidth, other.bandwidth)
    assert {name: values.tolist() for name, values in columns.items()} == {
        "lower bandwidth": [4],
        "higher bandwidth": [8],
    }


def test_a_calibration_by_what_is_not_known_of_two_recordings_is_one_line():
    calibration = Calibration(offset=0, weights={"score": 1, "lower cohort mean": 1})
    side = Side(np.ones(1), np.ones(1), np.ones(1))
    with pytest.raises(ScoringError, match=r"at 'lower cohort mean', .*contravox calibrate"):
        ratios_of(calibration, np.zeros(1), side, side)

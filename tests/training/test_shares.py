import warnings

import pytest

from contravox.errors import TrainingWarning
from contravox.objectives.balance import BalanceSettings
from contravox.training.log import TrainingLog
from contravox.training.shares import ShareWatch, mean_shares, shares_in_words


def warned(watch):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        watch.end_epoch()
    assert all(each.category is TrainingWarning for each in caught)
    return [str(each.message) for each in caught]


def watch_of(balance="mgda", **weights):
    return ShareWatch(BalanceSettings(name=balance), weights or {"one": 1.0, "two": 0.2})


def test_an_objective_under_a_hundredth_for_an_epoch_is_named_once():
    watch = watch_of()
    for share in (0.03, 0.001):
        watch.add({"one": 1 - share, "two": share})
    assert warned(watch) == []
    for share in (0.012, 0.004):
        watch.add({"one": 1 - share, "two": share})
    (line,) = warned(watch)
    assert line.startswith("objectives.two: gave 0.80% of the encoder's gradient in an epoch")
    assert "set balance.normalise=norm" in line
    assert "\n" not in line
    watch.add({"one": 1.0, "two": 0.0})
    assert warned(watch) == []


def test_the_mend_goes_by_the_balance():
    watch = watch_of("fixed")
    watch.add({"one": 1.0, "two": 0.0})
    assert "raise its weight" in warned(watch)[0]


def test_an_epoch_without_a_measurement_says_nothing():
    watch = watch_of()
    watch.add({})
    assert warned(watch) == []


def test_a_weight_of_zero_is_meant_so():
    watch = watch_of(one=1.0, two=0.0)
    watch.add({"one": 1.0, "two": 0.0})
    assert warned(watch) == []


def test_the_mean_is_over_the_steps_that_were_measured(tmp_path):
    assert mean_shares(tmp_path) == {}
    log = TrainingLog(tmp_path)
    log.write(0, {"losses": {"one": 1.0}, "shares": {"one": 0.2, "two": 0.8}})
    log.write(1, {"losses": {"one": 1.0}})
    log.write(2, {"losses": {"one": 1.0}, "shares": {"one": 0.4, "two": 0.6}})
    log.close()
    shares = mean_shares(tmp_path)
    assert shares == pytest.approx({"one": 0.3, "two": 0.7})
    assert shares_in_words(shares) == "one 30.0%, two 70.0%"

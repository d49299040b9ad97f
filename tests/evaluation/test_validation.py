from pathlib import Path

import numpy as np
import polars as pl
import pytest

from contravox.errors import RecipeError
from contravox.evaluation.validation import common_threshold, read_validation
from contravox.manifest import Manifest
from contravox.metrics.error_rates import equal_error_rate
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import TrialSet
from contravox.trials.trials import Trials


def drawn(seed, targets, nontargets, shift=0.0):
    generator = np.random.default_rng(seed)
    scores = np.concatenate([generator.normal(1.5, 1, targets), generator.normal(0, 1, nontargets)])
    return (scores + shift).astype(np.float32), np.arange(targets + nontargets) < targets


def mean_rates(lists, threshold):
    misses = [np.mean(scores[targets] < threshold) for scores, targets in lists]
    alarms = [np.mean(scores[~targets] >= threshold) for scores, targets in lists]
    return np.mean(misses), np.mean(alarms)


def test_of_one_list_the_threshold_is_that_of_its_equal_error_rate():
    scores, targets = drawn(0, 800, 900)
    expected = equal_error_rate(scores, targets)[1]
    assert common_threshold([(scores, targets)]) == pytest.approx(expected, abs=0.01)


def test_misses_and_false_alarms_of_all_lists_together_are_equal():
    lists = [drawn(1, 100, 150), drawn(2, 4000, 5000, shift=0.7)]
    misses, alarms = mean_rates(lists, common_threshold(lists))
    assert misses == pytest.approx(alarms, abs=0.01)
    # A list counts the same however long it is; repeating its trials moves nothing.
    scores, targets = lists[0]
    repeated = [(np.tile(scores, 40), np.tile(targets, 40)), lists[1]]
    assert common_threshold(repeated) == pytest.approx(common_threshold(lists))
    pooled = equal_error_rate(*(np.concatenate(each) for each in zip(*lists, strict=True)))[1]
    assert abs(common_threshold(lists) - pooled) > 0.1


def test_a_threshold_worked_by_hand():
    one = np.array([0.1, 0.4, 0.6, 0.9]), np.array([False, False, True, True])
    other = np.array([0.3, 0.5, 0.8]), np.array([False, True, True])
    # From 0.4 on there is one false alarm in four halves, 0.5 has none and no miss: the line
    # between crosses at 0.5.
    assert common_threshold([one, other]) == pytest.approx(0.5)
    alike = np.ones(4), np.array([True, False, True, False])
    assert common_threshold([alike, alike]) == 1.0


def write_list(folder: Path, names, protocol=None):
    table = pl.DataFrame(
        {
            "utterance": names,
            "speaker": ["a", "a", "b"],
            "path": [str(folder / f"{name}.wav") for name in names],
            "duration": [1.0] * 3,
        }
    )
    folder.mkdir(parents=True)
    table.write_csv(folder / "manifest.tsv", separator="\t")
    trials = Trials(
        pl.DataFrame(
            {"enrolment": names[:1] * 2, "test": names[1:], "target": [True, False]},
        )
    )
    manifest = Manifest.read(folder / "manifest.tsv")
    TrialSet.of(trials, manifest, Protocol(protocol or str(folder))).write(folder)
    return folder


def test_lists_are_named_by_protocol_or_path(tmp_path):
    # The same utterances' names in both: each list has its own manifest.
    one = write_list(tmp_path / "one", ["u", "v", "w"], "evening")
    two = write_list(tmp_path / "two", ["u", "v", "w"], "morning")
    three = write_list(tmp_path / "three", ["u", "v", "w"], "morning")
    assert list(read_validation([one, two], [])) == ["evening", "morning"]
    read = read_validation([one, two / "trials.tsv", three], [])
    assert list(read) == [str(one), str(two / "trials.tsv"), str(three)]
    paths = [each.manifest.table["path"][0] for each in read.values()]
    assert paths == [str(folder / "u.wav") for folder in (one, two, three)]
    assert read_validation([], []) == {}
    with pytest.raises(RecipeError, match="names a list twice"):
        read_validation([two, two], [])


def test_manifests_are_of_all_lists_or_of_each(tmp_path):
    one = write_list(tmp_path / "one", ["u", "v", "w"], "evening")
    two = write_list(tmp_path / "two", ["u", "v", "w"], "morning")
    for given, expected in (
        ([two / "manifest.tsv"], [two, two]),
        ([two / "manifest.tsv", one / "manifest.tsv"], [two, one]),
    ):
        read = read_validation([one, two], given)
        paths = [each.manifest.table["path"][0] for each in read.values()]
        assert paths == [str(folder / "u.wav") for folder in expected]
    with pytest.raises(RecipeError, match="validation_manifest names 2 for 1 validation_trials"):
        read_validation([one], [one / "manifest.tsv", two / "manifest.tsv"])

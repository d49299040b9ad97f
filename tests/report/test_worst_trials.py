import numpy as np

from contravox.report.worst_trials import worst_trials

#                  0    1    2    3    4    5    6    7
SCORES = np.array([0.9, 0.4, 0.5, 0.7, 0.2, 0.4, 0.7, 0.1], dtype=np.float32)
TARGETS = np.array([True, True, False, False, True, True, False, False])


def test_worst_first_and_equal_ones_in_their_order() -> None:
    worst = worst_trials(SCORES, TARGETS, 0.5, 8)
    # At the threshold itself a trial is accepted.
    assert worst.false_accepts.tolist() == [3, 6, 2]
    assert worst.false_rejects.tolist() == [4, 1, 5]


def test_no_more_than_asked_for() -> None:
    worst = worst_trials(SCORES, TARGETS, 0.5, 2)
    assert worst.false_accepts.tolist() == [3, 6]
    assert worst.false_rejects.tolist() == [4, 1]


def test_no_errors() -> None:
    worst = worst_trials(SCORES, SCORES >= 0.45, 0.45, 8)
    assert [len(rows) for rows in worst] == [0, 0]

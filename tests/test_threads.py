import threading

import pytest

from contravox.threads import AHEAD, map_in_threads


def test_results_come_in_order_and_few_jobs_wait():
    taken = []

    def items():
        for item in range(500):
            taken.append(item)
            yield item

    results = map_in_threads(lambda item: item**2, items(), workers=3)
    assert [next(results) for _ in range(4)] == [0, 1, 4, 9]
    assert len(taken) <= 3 * AHEAD + 4
    assert list(results) == [item**2 for item in range(4, 500)]


def test_an_error_ends_the_jobs_that_have_not_begun():
    begun, never = [], threading.Event()

    def job(item):
        begun.append(item)
        if item == 0:
            raise KeyboardInterrupt
        never.wait(0.05)

    with pytest.raises(KeyboardInterrupt):
        list(map_in_threads(job, range(10_000), workers=2))
    assert len(begun) < AHEAD

import multiprocessing
import os
import time

import pytest
import torch
from torch import distributed

from processes import run_processes


def sum_of_ranks(rank, count, offset):
    total = torch.tensor([rank + offset])
    distributed.all_reduce(total)
    return {"total": total, "count": count, "rank": rank, "threads": torch.get_num_threads()}


def fail_on_one(rank, count):
    if rank == 1:
        raise ValueError("rank one gave up")
    distributed.barrier()


def die_on_one(rank, count):
    if rank == 1:
        os._exit(7)
    distributed.barrier()


def sleep(rank, count):
    time.sleep(1000)


def test_results_come_by_rank_and_a_folder_serves_twice(tmp_path):
    for count in (1, 2):
        results = run_processes(sum_of_ranks, count, tmp_path, 10)
        total = 10 * count + sum(range(count))
        assert [result["rank"] for result in results] == list(range(count))
        for result in results:
            assert (result["total"].item(), result["count"], result["threads"]) == (total, count, 1)


@pytest.fixture
def begun():
    """The processes that are there and were not before: other tests may still have some."""
    before = multiprocessing.active_children()
    return lambda: [each for each in multiprocessing.active_children() if each not in before]


def test_a_failure_shows_its_traceback_and_ends_the_others(tmp_path, begun):
    with pytest.raises(pytest.fail.Exception, match=r"(?s)rank 1: .*in fail_on_one.*gave up"):
        run_processes(fail_on_one, 2, tmp_path)
    assert not begun()


def test_a_process_that_dies_without_a_word_fails_the_test(tmp_path):
    with pytest.raises(pytest.fail.Exception, match=r"exit codes by rank .*7"):
        run_processes(die_on_one, 2, tmp_path)


def test_processes_that_hang_are_ended(tmp_path, begun):
    with pytest.raises(pytest.fail.Exception, match=r"not done after 0\.5 s"):
        run_processes(sleep, 2, tmp_path, seconds=0.5)
    assert not begun()

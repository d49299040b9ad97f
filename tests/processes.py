"""Several processes that talk to each other, as in training on several devices."""

import tempfile
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from multiprocessing import connection
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, multiprocessing

SECONDS = 180.0


def run_processes(
    function: Callable[..., Any], count: int, tmp_path: Path, *args: Any, seconds: float = SECONDS
) -> list[Any]:
    """What ``function(rank, count, *args)`` returned in each of ``count`` gloo processes, by rank.

    function: at the top of a module, so that a new process can import it; what it takes and
    returns can be pickled. Each process computes with one thread.

    The test fails with the traceback of every process that failed, as soon as one has, and if
    they take more than ``seconds``. No process outlives this call.
    """
    # A folder of their own, for a file at which processes have met cannot serve others.
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_run, args=(function, rank, count, args, folder), daemon=True)
        for rank in range(count)
    ]
    deadline = time.monotonic() + seconds
    try:
        for process in processes:
            process.start()
        # One that failed leaves the others waiting for it.
        while all(not process.exitcode for process in processes):
            running = [process.sentinel for process in processes if process.exitcode is None]
            if not running:
                return [torch.load(_result(folder, r), weights_only=False) for r in range(count)]
            if not connection.wait(running, deadline - time.monotonic()):
                break
        codes = [process.exitcode for process in processes]
    finally:
        for process in processes:
            if process.pid is not None:
                process.kill()
                process.join()
    tracebacks = [path.read_text() for path in sorted(folder.glob("traceback*"))]
    reason = "failed" if any(codes) else f"not done after {seconds} s"
    pytest.fail("\n".join([f"{reason}: exit codes by rank {codes}", *tracebacks]), pytrace=False)


def _run(
    function: Callable[..., Any], rank: int, count: int, args: tuple[Any, ...], folder: Path
) -> None:
    try:
        torch.set_num_threads(1)
        distributed.init_process_group(
            "gloo",
            init_method=(folder / "meeting").as_uri(),
            rank=rank,
            world_size=count,
            timeout=timedelta(seconds=SECONDS),
        )
        torch.save(function(rank, count, *args), _result(folder, rank))
        # Whoever leaves early closes connections that another may still be reading.
        distributed.barrier()
    except BaseException:
        # Written before the others notice that this one is gone and fail of it.
        (folder / f"traceback{rank}").write_text(f"rank {rank}: {traceback.format_exc()}")
        raise
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _result(folder: Path, rank: int) -> Path:
    return folder / f"result{rank}"

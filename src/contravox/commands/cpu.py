"""Settings of this process that make PyTorch faster on a CPU."""

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
"""Options of glibc's mallopt, by their numbers in malloc.h."""


def tune_process() -> None:
    """Keep large temporaries mapped, and threads from waiting in a loop. Call it before torch.

    glibc gives every block above 32 MiB back to the kernel and faults it in again at the next
    step, which costs a small ECAPA-TDNN a seventh of its training time. OpenMP threads that wait in
    a loop take the core from the process that reads and augments: with one other process on two
    cores a step took half as long again as with short waits. What the user set in the environment
    stays.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    if not sys.platform.startswith("linux") or any(
        name.startswith("MALLOC_") for name in os.environ
    ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # Other C libraries lack it, and do not need it.
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_TOP_PAD, 64 * 2**20)

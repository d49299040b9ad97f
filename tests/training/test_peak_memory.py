from contextlib import contextmanager
from mmap import mmap

import pytest
import torch

from contravox.training import peak_memory
from contravox.training.peak_memory import PeakMemory

CPU = torch.device("cpu")


@contextmanager
def touched(size):
    """Memory that is given back at once, which malloc's need not be."""
    with mmap(-1, size) as memory:
        memory[::4096] = b"1" * (size // 4096)
        yield


@pytest.mark.skipif(not peak_memory.STATUS.exists(), reason="the system does not say")
def test_what_is_let_go_counts_and_what_came_before_does_not():
    with touched(2**25):
        with touched(2**26):
            pass
        memory = PeakMemory(CPU)
        assert memory.bytes() < 2**22
        with touched(2**24):
            pass
    assert 0.95 * 2**24 < memory.bytes() < 1.5 * 2**24


def test_a_system_that_does_not_say(tmp_path, monkeypatch):
    monkeypatch.setattr(peak_memory, "STATUS", tmp_path / "none")
    monkeypatch.setattr(peak_memory, "FORGET", tmp_path / "no" / "folder")
    assert PeakMemory(CPU).bytes() is None

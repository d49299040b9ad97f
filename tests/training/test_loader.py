import os
import signal
from types import SimpleNamespace

import pytest
from lightning_fabric import Fabric

from contravox.errors import TrainingError
from contravox.training import loader
from contravox.training.interrupt import ignore_interrupts
from contravox.training.loader import read_batches, readers_that_live


@pytest.mark.parametrize(
    "said",
    [
        "DataLoader worker (pid(s) 12) exited unexpectedly",
        "DataLoader worker (pid 12) is killed by signal: Killed. ",
    ],
)
def test_a_reader_that_the_system_ended_is_one_line(said):
    with (
        pytest.raises(TrainingError, match=r"killed, .*data.workers .*--resume"),
        readers_that_live(),
    ):
        raise RuntimeError(said)


def test_other_errors_are_left_alone():
    with pytest.raises(RuntimeError, match="shapes"), readers_that_live():
        raise RuntimeError("shapes do not fit")


def _signalled(worker):
    os.kill(os.getpid(), signal.SIGTERM)
    ignore_interrupts(worker)


def test_a_reader_asked_to_stop_before_it_is_ready_reads_on(monkeypatch):
    """As a scheduler asks all processes at once; the trainer is who ends them."""
    monkeypatch.setattr(loader, "ignore_interrupts", _signalled)
    monkeypatch.setattr(loader, "_collate", lambda read: loader._Read(list(read), []))
    left_out = SimpleNamespace(replaced=list)
    numbers = list(range(8))
    batches = [[0, 1], [5, 3], [7]]
    fabric = Fabric(accelerator="cpu", devices=1)
    assert list(read_batches(numbers, batches, left_out, 1, fabric)) == batches
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())

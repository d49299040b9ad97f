import os
import signal

import pytest

from contravox.terminal.stopping import STOPPING, Stopped, goes_on, status_of, stopping_signals
from contravox.training.interrupt import deferred_interrupt


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_stops_the_work_as_ctrl_c_does(number):
    before = signal.getsignal(number)
    with (
        pytest.raises(KeyboardInterrupt, match="stopped: begin again") as stopped,
        stopping_signals(),
        goes_on("begin again"),
    ):
        os.kill(os.getpid(), number)
    assert status_of(stopped.value) == 128 + number
    assert signal.getsignal(number) == before


def test_ctrl_c_says_how_the_work_goes_on_too():
    with pytest.raises(Stopped, match="stopped: begin again") as stopped, goes_on("begin again"):
        raise KeyboardInterrupt
    assert status_of(stopped.value) == status_of(KeyboardInterrupt()) == 130


def test_a_signal_that_the_user_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping_signals(), deferred_interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupt.asked
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, *STOPPING])
def test_training_is_asked_between_two_steps(number):
    with deferred_interrupt() as interrupt:
        assert not interrupt.asked
        # A scheduler and torchrun both send it.
        for _ in range(2):
            os.kill(os.getpid(), number)
        assert interrupt.asked
    assert status_of(interrupt.error()) == 128 + number


def test_a_second_ctrl_c_stops_at_once():
    with deferred_interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        interrupt.first -= 10
        with pytest.raises(Stopped):
            signal.raise_signal(signal.SIGINT)

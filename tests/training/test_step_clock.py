from contravox.training import step_clock
from contravox.training.step_clock import StepClock


def test_waiting_is_the_share_until_the_batch(monkeypatch):
    times = iter([10.0, 11.0, 14.0, 20.0, 20.5, 21.0])
    monkeypatch.setattr(step_clock.time, "perf_counter", lambda: next(times))
    clock = StepClock()
    clock.batch_read()
    assert clock.times() == {"seconds": 4.0, "waiting": 0.25}
    # What lies between, a checkpoint say, is of no step.
    clock.begin()
    clock.batch_read()
    assert clock.times() == {"seconds": 1.0, "waiting": 0.5}

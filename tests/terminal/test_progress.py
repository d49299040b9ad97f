import pytest

from contravox.terminal import progress
from contravox.terminal.progress import Pace, progress_bar


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        # Nothing is known before anything was done.
        ([(0, 100, 0.0)], ""),
        ([(0, 100, 0.0), (25, 100, 10.0)], "2.50 steps/s, 0:00:30 left"),
        # What an earlier run did took none of this one's time.
        ([(900, 1000, 5.0), (910, 1000, 10.0)], "2.00 steps/s, 0:00:45 left"),
        # Other work, by its size or by its beginning again.
        (
            [(0, 100, 0.0), (99, 100, 1.0), (0, 50, 1.0), (10, 50, 2.0)],
            "10.0 steps/s, 0:00:04 left",
        ),
        (
            [(0, 100, 0.0), (99, 100, 1.0), (1, 100, 1.0), (6, 100, 2.0)],
            "5.00 steps/s, 0:00:19 left",
        ),
        ([(0, 9, 0.0), (1, 9, 2000.0)], "0.000500 steps/s, 4:26:40 left"),
        ([(0, 10**7, 0.0), (40_000, 10**7, 10.0)], "4,000 steps/s, 0:41:30 left"),
        ([(0, 4, 0.0), (4, 4, 1.0)], "4.00 steps/s, 0:00:00 left"),
        ([(1, 4, 3.0), (2, 4, 3.0)], ""),
    ],
)
def test_rate_and_time_left(looks, told):
    pace = Pace("steps")
    assert [pace.after(*look) for look in looks][-1] == told


def test_lines_say_rate_and_time_left(monkeypatch, capsys):
    clock = iter(range(0, 1000, 6))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with progress_bar("training", "steps") as report:
        for done in range(1, 6):
            report(done, 100, "loss 0.5")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("training: ") and line.endswith(", loss 0.5") for line in lines)
    assert " steps/s, 0:" in lines[-1]
    assert lines[-1].endswith(" left, loss 0.5")

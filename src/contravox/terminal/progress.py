"""Progress on the terminal's error stream, where it does not mix with results."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from contravox.terminal.messages import note, printable

LINE_SECONDS = 10.0
"""Where there is no terminal to draw a bar on, a line is printed this often."""

Report = Callable[..., None]
"""(done, in all, text about the last step)"""


@contextmanager
def progress_bar(title: str, unit: str = "") -> Iterator[Report]:
    """Show how far work has come, how fast it goes and what time is left.

    That is a bar on a terminal, else a line now and then. unit: what is counted, such as steps.
    """
    console = Console(stderr=True)
    pace = Pace(unit)
    if not console.is_terminal:
        yield _lines(title, pace)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[pace]}", markup=False),
        TextColumn("{task.fields[text]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=1, text="", pace="")

        def report(done: int, total: int, text: str = "") -> None:
            speed = pace.after(done, total)
            bar.update(task, completed=done, total=total, text=printable(text), pace=speed)

        yield report


class Pace:
    """How fast work goes, and when it will be done, as far as one can tell from what was done.

    unit: what is counted. What was done before the first look, by a run that was interrupted, took
    none of this run's time.
    """

    def __init__(self, unit: str = "") -> None:
        self.unit = unit
        self.total = self.done = self.first = -1
        self.since = 0.0

    def after(self, done: int, total: int, now: float | None = None) -> str:
        """Such as ``12.5 steps/s, 0:03:20 left``; nothing before anything was done.

        now: in seconds, by default the clock's.
        """
        now = time.monotonic() if now is None else now
        if total != self.total or done < self.done:
            # Other work begins.
            self.total, self.first, self.since = total, done, now
        self.done = done
        seconds = now - self.since
        if done == self.first or seconds <= 0:
            return ""
        rate = (done - self.first) / seconds
        left = timedelta(seconds=round((total - done) / rate))
        return f"{_three_digits(rate)} {self.unit}".rstrip() + f"/s, {left} left"


def _three_digits(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:#.3g}".rstrip(".")


def _lines(title: str, pace: Pace) -> Report:
    last = time.monotonic()

    def report(done: int, total: int, text: str = "") -> None:
        nonlocal last
        speed = pace.after(done, total)
        if time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            words = [f"{title}: {done}/{total}", speed, text]
            note(", ".join(filter(None, words)))

    return report

"""Progress on the terminal's error stream, where it does not mix with results."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

LINE_SECONDS = 10.0
"""Where there is no terminal to draw a bar on, a line is printed this often."""

Report = Callable[..., None]
"""(done, in all, text about the last step)"""


@contextmanager
def progress_bar(title: str) -> Iterator[Report]:
    """Show how far work has come: a bar on a terminal, else a line now and then."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(title)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=1, text="")

        def report(done: int, total: int, text: str = "") -> None:
            bar.update(task, completed=done, total=total, text=text)

        yield report


def _lines(title: str) -> Report:
    last = time.monotonic()

    def report(done: int, total: int, text: str = "") -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            print(f"{title}: {done}/{total} {text}".rstrip(), file=sys.stderr, flush=True)

    return report


def say(text: str) -> None:
    """Print a line for people, on the error stream."""
    Console(stderr=True).print(Text(text))

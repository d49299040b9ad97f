"""What scoring costs as the work grows: trial lists up to 10^8, cohorts up to 10^5.

    python benchmarks/scoring_scale.py FOLDER [--trials 4 8] [--cohort 2 5] [--both]
        [--picture docs/scoring.svg]

FOLDER takes what is read and written, 15 GB for 10^8 trials; of it ``numbers.json`` is left, by
which a run that was stopped goes on.

``trials``: so many among 100,000 utterances, from a list on disk to a file of scores, as `contravox
score --scores-only` does it; ``cohort``: 10^5 trials among 20,000 utterances normalised by
AS-norm1, top 50 of so many; ``both``: the largest list normalised by the largest cohort. Numbers
are powers of ten. Embeddings are random, of 192 numbers: nothing here depends on what they are.

Each run is a process of its own. Seconds are the processor's, as others may be at work; memory is
the process's peak, libraries with it. A slope is that of a straight line through the points of a
log-log plot: 1 where twice the work takes twice as long.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from contravox.embeddings import Embeddings
from contravox.evaluation.evaluation import TrainingEmbeddings
from contravox.evaluation.scores_only import score_long_list
from contravox.files.tables import write_table_blocks
from contravox.files.writing import write_text
from contravox.report.drawing import COLOURS, NEUTRAL, drawing
from contravox.report.folder import write_scored_list
from contravox.scoring.normalisation import NormalisationSettings
from contravox.scoring.scorer import ScoringSettings
from contravox.terminal.progress import progress_bar
from contravox.trials.long_list import LongList
from contravox.trials.trials import BLOCK
from fresh_process import Run, Stopwatch, run_once

EMBEDDING_SIZE = 192
UTTERANCES, NORMALISED_UTTERANCES, NORMALISED_TRIALS, TOP = 100_000, 20_000, 100_000, 50
FROM = 10**6, 10**4
"""Trials and members of a cohort from which on slopes are fitted: below, starting takes longer."""


def names(count: int) -> list[str]:
    """Names as VoxCeleb's."""
    return [f"id{i % 1251:05}/5r0dWxy17C8/{i:06}.wav" for i in range(count)]


def write_embeddings(path: Path, utterances: list[str], seed: int) -> None:
    """Random embeddings."""
    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal((len(utterances), EMBEDDING_SIZE), dtype=np.float32)
    Embeddings(utterances, vectors).save(path)


def write_list(path: Path, utterances: list[str], trials: int) -> None:
    """A list of pairs drawn at random, in a random order: no two lines after another share much."""
    generator = np.random.default_rng(2)
    named = pl.Series(utterances)

    def blocks() -> Iterator[pl.DataFrame]:
        for start in range(0, trials, BLOCK):
            pairs = generator.integers(len(named), size=(min(BLOCK, trials - start), 2))
            target = (pairs[:, 0] % 1251 == pairs[:, 1] % 1251).astype(np.int8)
            sides = {"enrolment": named[pairs[:, 0]], "test": named[pairs[:, 1]]}
            yield pl.DataFrame({**sides, "target": target})

    write_table_blocks(path, blocks())


def score(folder: Path, watch: Stopwatch, *, cohort: bool) -> None:
    """As `contravox score --scores-only` does, normalised where there is a cohort."""
    embeddings = Embeddings.load(folder / "embeddings.npz")
    settings, training = ScoringSettings(), None
    if cohort:
        settings = ScoringSettings(
            normalisation=NormalisationSettings(top=TOP, members="utterances")
        )
        vectors = Embeddings.load(folder / "cohort.npz")
        # Two are enough for whoever asks who speaks: every utterance is a member.
        speakers = pl.Series(["a", "b"] * len(vectors)).head(len(vectors))
        training = TrainingEmbeddings(vectors, speakers, "cohort.npz")
    watch.part("embeddings")
    test = LongList.read(folder / "trials.tsv")
    watch.part("list")
    scored = score_long_list(test, embeddings, settings, training=training)
    write_scored_list(scored, folder / "out")
    watch.part("scores")


@dataclass(frozen=True)
class Point:
    """What one size took. seconds: of the processor."""

    size: int
    seconds: float
    wall: float
    peak: float

    @classmethod
    def of(cls, size: int, run: Run) -> "Point":
        return cls(size, run.processor_seconds, run.total, run.peak_bytes / 1e6)


def measure(folder: Path, *, trials: int, utterances: int, cohort: int = 0) -> Run:
    """Make the files, score them in a fresh process, and leave nothing."""
    named = names(utterances)
    write_embeddings(folder / "embeddings.npz", named, seed=0)
    if cohort:
        write_embeddings(folder / "cohort.npz", [f"c{i}" for i in range(cohort)], seed=1)
    write_list(folder / "trials.tsv", named, trials)
    try:
        return run_once(partial(score, cohort=bool(cohort)), folder, threads=1)
    finally:
        for path in [*folder.glob("out/*"), *folder.glob("*.npz"), folder / "trials.tsv"]:
            path.unlink()
        (folder / "out").rmdir()


def slope(points: list[Point], start: int) -> float:
    """Of the line through the points of a log-log plot from a size on."""
    fitted = [point for point in points if point.size >= start]
    sizes, seconds = zip(*((point.size, point.seconds) for point in fitted), strict=True)
    return float(np.polyfit(np.log10(sizes), np.log10(seconds), 1)[0])


def draw(series: dict[str, list[Point]]) -> str:
    """Seconds and memory by size, a panel for each series."""
    with drawing(9.5, 6.4) as (figure, drawn):
        grid = figure.subplots(2, 2, sharex="col")
        for column, ((title, points), start) in enumerate(zip(series.items(), FROM, strict=False)):
            sizes = [point.size for point in points]
            time, memory = grid[:, column]
            time.loglog(sizes, [point.seconds for point in points], "o", color=COLOURS[0])
            if sum(size >= start for size in sizes) > 1:
                fitted = slope(points, start)
                last = points[-1]
                ends = np.array([start, last.size])
                line = last.seconds * (ends / last.size) ** fitted
                time.loglog(ends, line, color=NEUTRAL, linewidth=1, label=f"slope {fitted:.2f}")
                time.legend()
            time.set_title(title)
            time.set_ylabel("Processor seconds")
            memory.loglog(sizes, [point.peak / 1e3 for point in points], "o", color=COLOURS[1])
            memory.set_ylim(0.1, 10)
            memory.set_ylabel("Most memory (GB)")
            memory.set_xlabel(["Trials", "Members of the cohort"][column])
    return drawn.svg()


def table(title: str, size: str, points: list[Point], start: int) -> Table:
    """The points in Markdown."""
    shown = Table(title=title, title_justify="left", box=MARKDOWN)
    for heading in (size, "processor, s", "elapsed, s", "a second", "peak, MB", "slope"):
        shown.add_column(heading, justify="right")
    for before, point in zip([None, *points], points, strict=False):
        local = "" if before is None else f"{slope([before, point], 0):.2f}"
        rate = f"{point.size / point.seconds:,.0f}"
        numbers = f"{point.seconds:,.1f}", f"{point.wall:,.1f}", rate, f"{point.peak:,.0f}"
        shown.add_row(f"{point.size:,}", *numbers, local)
    if sum(point.size >= start for point in points) > 1:
        shown.caption = f"slope from {start:,} on: {slope(points, start):.2f}"
    return shown


def main() -> None:
    """Measure every size; print the tables and draw the picture."""
    parser = argparse.ArgumentParser(description="What scoring costs as the work grows.")
    parser.add_argument("folder", type=Path, help="an empty one")
    parser.add_argument("--trials", type=int, nargs=2, default=[4, 8], help="powers of ten (4 8)")
    parser.add_argument("--cohort", type=int, nargs=2, default=[2, 5], help="powers of ten (2 5)")
    parser.add_argument("--both", action="store_true", help="also the largest of both together")
    parser.add_argument("--picture", type=Path, help="where to draw it")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    trials, members = (
        [10**power for power in range(low, high + 1)]
        for low, high in (arguments.trials, arguments.cohort)
    )
    of_trials = partial(measure, arguments.folder, utterances=UTTERANCES)
    of_cohort = partial(
        measure, arguments.folder, trials=NORMALISED_TRIALS, utterances=NORMALISED_UTTERANCES
    )
    console = Console(width=100)
    works: list[tuple[str, str, Callable[[int], Run], list[int], int]] = [
        (
            "Scores from list to file",
            "trials",
            lambda size: of_trials(trials=size),
            trials,
            FROM[0],
        ),
        (f"AS-norm, top {TOP}", "cohort", lambda size: of_cohort(cohort=size), members, FROM[1]),
    ]
    if arguments.both:
        normalised = partial(of_trials, cohort=members[-1])
        title = f"AS-norm, top {TOP} of {members[-1]:,}"
        works.append((title, "trials", lambda size: normalised(trials=size), trials[-1:], 0))
    file = arguments.folder / "numbers.json"
    numbers = json.loads(file.read_text()) if file.exists() else {}
    series: dict[str, list[Point]] = {}
    for title, size, work, sizes, start in works:
        with progress_bar(title) as report:
            for number, each in enumerate(sizes):
                report(number, len(sizes), f"{each:,}")
                name = f"{title}: {each}"
                if name not in numbers:
                    numbers[name] = asdict(Point.of(each, work(each)))
                    write_text(file, json.dumps(numbers, indent=1))
        series[title] = [Point(**numbers[f"{title}: {each}"]) for each in sizes]
        console.print(table(title, size, series[title], start))
    if arguments.picture:
        write_text(arguments.picture, draw(series))


if __name__ == "__main__":
    main()

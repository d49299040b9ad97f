"""Cosine scores and score normalisation from embeddings on disk, beside other people's.

    python benchmarks/scoring_backends.py [--only NAME ...] [--repeats 3] [--scale 1]

``cosine``: 550,894 trials over 145,160 utterances, as VoxCeleb1-H has. ``many``: all 3,484,292
trials of 196 enrolments of several utterances with 17,777 tests, as CN-Celeb has. ``as-norm``:
581,480 trials over 145,160 utterances, a cohort of 6,000, top 300, from reading to written scores.

Each run is a process of its own on the same files; they take turns. Memory is the process's peak.
Embeddings are random: nothing here depends on what they are.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from contravox.embeddings import Embeddings
from contravox.scoring.cohort import Cohort
from contravox.scoring.cosine import unit_rows
from contravox.scoring.enrolment import enrol
from contravox.scoring.inner_products import inner_products
from contravox.scoring.normalisation import NormalisationSettings, ScoreNormaliser
from contravox.terminal.progress import progress_bar
from contravox.trials.enrolments import Enrolments
from contravox.trials.scores import write_scores
from contravox.trials.trials import Trials
from fresh_process import Run, Stopwatch, Work, run_once

EMBEDDING_SIZE = 192
UTTERANCES, COHORT, TOP = 145_160, 6_000, 300
HARD_TRIALS, EXTENDED_TRIALS = 550_894, 581_480
ENROLMENTS, ENROLLED_EACH, TESTS = 196, 4, 17_777
CONTRAVOX, CROSSWISE, WESPEAKER = "contravox", "contravox, AS-norm2", "WeSpeaker"
PLAIN = "plain NumPy"


def write_embeddings(path: Path, names: list[str], seed: int) -> None:
    """Random embeddings."""
    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal((len(names), EMBEDDING_SIZE), dtype=np.float32)
    Embeddings(names, vectors).save(path)


def write_pairs(folder: Path, *, trials: int, scale: float) -> None:
    """Utterances with names as VoxCeleb's, so many trials between them, and a cohort.

    ``scores.txt`` is the list as WeSpeaker's normalisation reads it: with the scores.
    """
    utterances = [f"id{i % 1251:05}/5r0dWxy17C8/{i:05}.wav" for i in range(int(scale * UTTERANCES))]
    write_embeddings(folder / "embeddings.npz", utterances, seed=0)
    cohort = [f"id{i:05}" for i in range(max(int(scale * COHORT), 2 * TOP))]
    write_embeddings(folder / "cohort.npz", cohort, seed=1)
    generator = np.random.default_rng(2)
    pairs = generator.integers(len(utterances), size=(int(scale * trials), 2))
    names = pl.Series(utterances)
    table = pl.DataFrame(
        {
            "enrolment": names[pairs[:, 0]],
            "test": names[pairs[:, 1]],
            "target": generator.random(len(pairs)) < 0.5,
        }
    )
    Trials(table).write(folder / "trials.tsv")
    embeddings = Embeddings.load(folder / "embeddings.npz")
    units = unit_rows(embeddings.vectors)
    scores = inner_products(units, units, pairs)
    word = pl.when("target").then(pl.lit("target")).otherwise(pl.lit("nontarget"))
    table.select("enrolment", "test", pl.Series("score", scores), word.alias("word")).write_csv(
        folder / "scores.txt", separator=" ", include_header=False, float_precision=5
    )


def write_enrolments(folder: Path, *, scale: float) -> None:
    """Enrolments of several utterances, and all trials between them and the tests."""
    enrolments = [f"id{i:05}-enroll" for i in range(ENROLMENTS)]
    tests = [f"test/id{i % ENROLMENTS:05}-singing-{i:05}.wav" for i in range(int(scale * TESTS))]
    parts = [(name, f"enroll/{name}-{i}.wav") for name in enrolments for i in range(ENROLLED_EACH)]
    table = pl.DataFrame(parts, schema=["enrolment", "utterance"], orient="row")
    Enrolments(table).write(folder / "enrolments.tsv")
    write_embeddings(folder / "embeddings.npz", table["utterance"].to_list() + tests, seed=0)
    every = pl.DataFrame({"enrolment": enrolments}).join(pl.DataFrame({"test": tests}), how="cross")
    Trials(every.with_columns(target=pl.int_range(pl.len()) % 196 == 0)).write(
        folder / "trials.tsv"
    )


def pairs_of(embeddings: Embeddings, trials: Trials) -> NDArray[np.int64]:
    """(k, 2) rows of the enrolment and test of each trial."""
    table = trials.table
    return np.stack([embeddings.rows(table["enrolment"]), embeddings.rows(table["test"])], axis=1)


def contravox_cosine(folder: Path, watch: Stopwatch) -> None:
    """Scores of pairs of utterances."""
    embeddings, trials = (
        Embeddings.load(folder / "embeddings.npz"),
        Trials.read(folder / "trials.tsv"),
    )
    watch.part("reading")
    pairs = pairs_of(embeddings, trials)
    watch.part("rows of names")
    units = unit_rows(embeddings.vectors)
    scores = inner_products(units, units, pairs)
    watch.part("scores")
    write_scores(folder / "scores.tsv", trials, scores)
    watch.part("writing")


def plain_cosine(folder: Path, watch: Stopwatch) -> None:
    """The same by a dictionary, and both sides of all trials gathered at once."""
    with np.load(folder / "embeddings.npz") as archive:
        names, vectors = archive["utterances"].tolist(), archive["embeddings"]
    lines = (folder / "trials.tsv").read_text().splitlines()[1:]
    watch.part("reading")
    rows = {name: row for row, name in enumerate(names)}
    fields = [line.split("\t") for line in lines]
    pairs = np.array([(rows[enrolment], rows[test]) for enrolment, test, _ in fields])
    watch.part("rows of names")
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = np.sum(vectors[pairs[:, 0]] * vectors[pairs[:, 1]], axis=1)
    watch.part("scores")
    with open(folder / "plain.tsv", "w") as file:
        for line, score in zip(lines, scores, strict=True):
            file.write(f"{line}\t{score:.5f}\n")
    watch.part("writing")


def contravox_many(folder: Path, watch: Stopwatch) -> None:
    """Scores of enrolments of several utterances."""
    embeddings, trials = (
        Embeddings.load(folder / "embeddings.npz"),
        Trials.read(folder / "trials.tsv"),
    )
    enrolments = Enrolments.read(folder / "enrolments.tsv")
    watch.part("reading")
    enrolled = enrol(embeddings, enrolments)
    rows = [enrolled.rows(trials.table["enrolment"]), embeddings.rows(trials.table["test"])]
    pairs = np.stack(rows, axis=1)
    watch.part("rows of names")
    scores = inner_products(enrolled.vectors, unit_rows(embeddings.vectors), pairs)
    watch.part("scores")
    write_scores(folder / "scores.tsv", trials, scores)
    watch.part("writing")


def contravox_normalised(
    folder: Path, watch: Stopwatch, *, settings: NormalisationSettings
) -> None:
    """Cosine scores and their normalisation."""
    embeddings, trials = (
        Embeddings.load(folder / "embeddings.npz"),
        Trials.read(folder / "trials.tsv"),
    )
    cohort = Cohort.of(unit_rows(Embeddings.load(folder / "cohort.npz").vectors))
    watch.part("reading")
    pairs = pairs_of(embeddings, trials)
    watch.part("rows of names")
    units = unit_rows(embeddings.vectors)
    scores = inner_products(units, units, pairs)
    watch.part("scores")
    normalised = ScoreNormaliser(units, units, cohort, settings).normalise(scores, pairs)
    watch.part("normalisation")
    write_scores(folder / "scores.tsv", trials, normalised.scores)
    watch.part("writing")


def wespeaker_normalised(folder: Path, watch: Stopwatch) -> None:
    """The steps of WeSpeaker's score_norm (commit dfa7419), written down anew.

    In its favour, embeddings come from the same archive instead of one by one from Kaldi's, and the
    scores are there already.
    """
    with np.load(folder / "embeddings.npz") as archive:
        utterances = dict(zip(archive["utterances"].tolist(), archive["embeddings"], strict=True))
    with np.load(folder / "cohort.npz") as archive:
        cohort = np.array(list(archive["embeddings"]))
    lines = (folder / "scores.txt").read_text().splitlines()
    sides = list(zip(*(line.split()[:2] for line in lines), strict=True))
    names = [sorted(set(side)) for side in sides]
    vectors = [np.array([utterances[name] for name in side]) for side in names]
    rows = [{name: row for row, name in enumerate(side)} for side in names]
    watch.part("reading")
    cohort = cohort / np.sqrt(np.sum(cohort**2, axis=1, keepdims=True))
    statistics = []
    for side in vectors:
        units = side / np.sqrt(np.sum(side**2, axis=1, keepdims=True))
        scores = np.matmul(units, cohort.T)
        scores = np.sort(scores, axis=1)[:, ::-1]
        top = scores[:, :TOP]
        statistics.append((np.mean(top, axis=1), np.std(top, axis=1)))
    watch.part("statistics")
    (enrolment_mean, enrolment_std), (test_mean, test_std) = statistics
    with open(folder / "wespeaker.txt", "w", encoding="utf-8") as file:
        for line in lines:
            enrolment, test, score, word = line.strip().split()
            i, j = rows[0][enrolment], rows[1][test]
            normalised = 0.5 * (
                (float(score) - enrolment_mean[i]) / enrolment_std[i]
                + (float(score) - test_mean[j]) / test_std[j]
            )
            lengths = np.linalg.norm(vectors[0][i]), np.linalg.norm(vectors[1][j])
            file.write(
                f"{enrolment} {test} {normalised:.5f} {word} {lengths[0]:.4f} {lengths[1]:.4f} "
                f"{enrolment_mean[i]:.4f} {test_mean[j]:.4f}\n"
            )
    watch.part("scores and writing")


@dataclass(frozen=True)
class Question:
    """What a table answers. write: makes the files; verdict: what is wanted and was reached."""

    title: str
    write: Callable[..., None]
    contestants: dict[str, Work]
    verdict: Callable[[dict[str, Run]], str]


def cosine_verdict(runs: dict[str, Run]) -> str:
    """Scores in under a second after reading."""
    run = runs[CONTRAVOX]
    seconds = run.seconds["rows of names"] + run.seconds["scores"]
    return f"{seconds:.2f} s after reading, wanted under 1: {'yes' if seconds < 1 else 'no'}"


def many_verdict(runs: dict[str, Run]) -> str:
    """All in under ten seconds."""
    seconds = runs[CONTRAVOX].total
    return f"{seconds:.1f} s in all, wanted under 10: {'yes' if seconds < 10 else 'no'}"


def normalised_verdict(runs: dict[str, Run]) -> str:
    """Four times as fast, in a tenth of the memory."""
    own, other = runs[CONTRAVOX], runs[WESPEAKER]
    faster, smaller = other.total / own.total, other.peak_bytes / own.peak_bytes
    return (
        f"{faster:.1f}× faster than {WESPEAKER}, wanted 4×: {'yes' if faster >= 4 else 'no'}; "
        f"{smaller:.1f}× less memory, wanted 10×: {'yes' if smaller >= 10 else 'no'}"
    )


QUESTIONS = {
    "cosine": Question(
        f"Cosine scores of {HARD_TRIALS:,} trials",
        partial(write_pairs, trials=HARD_TRIALS),
        {CONTRAVOX: contravox_cosine, PLAIN: plain_cosine},
        cosine_verdict,
    ),
    "many": Question(
        f"Cosine scores of {ENROLMENTS} enrolments × {TESTS:,} tests",
        write_enrolments,
        {CONTRAVOX: contravox_many},
        many_verdict,
    ),
    "as-norm": Question(
        f"AS-norm of {EXTENDED_TRIALS:,} trials, top {TOP} of {COHORT:,}",
        partial(write_pairs, trials=EXTENDED_TRIALS),
        {
            CONTRAVOX: partial(contravox_normalised, settings=NormalisationSettings(top=TOP)),
            CROSSWISE: partial(
                contravox_normalised, settings=NormalisationSettings(method="AS-norm2", top=TOP)
            ),
            WESPEAKER: wespeaker_normalised,
        },
        normalised_verdict,
    ),
}


def answer(
    question: Question, *, threads: int, repeats: int, scale: float, console: Console
) -> dict[str, Run]:
    """Let the contestants take turns; print and give the run of each with the median time."""
    runs: dict[str, list[Run]] = {name: [] for name in question.contestants}
    with tempfile.TemporaryDirectory() as folder, progress_bar(question.title) as report:
        question.write(Path(folder), scale=scale)
        for turn in range(repeats):
            for number, (name, work) in enumerate(question.contestants.items()):
                report(turn * len(runs) + number, repeats * len(runs), name)
                runs[name].append(run_once(work, Path(folder), threads=threads))
    median = {
        name: sorted(turns, key=lambda run: run.total)[len(turns) // 2]
        for name, turns in runs.items()
    }
    table = Table(title=question.title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    table.add_column("Contestant", no_wrap=True)
    table.add_column("Median\n(s)", justify="right")
    table.add_column("CPU\n(s)", justify="right")
    table.add_column("Peak\n(MB)", justify="right")
    table.add_column("Of this (s)")
    for name, run in median.items():
        parts = ", ".join(f"{part} {seconds:.2f}" for part, seconds in run.seconds.items())
        numbers = f"{run.total:.2f}", f"{run.processor_seconds:.2f}", f"{run.peak_bytes / 1e6:,.0f}"
        table.add_row(name, *numbers, parts)
    console.print(table, question.verdict(median), "", sep="\n", highlight=False)
    return median

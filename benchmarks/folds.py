"""A sweep on folds of pooled corpora, so that many test speakers tell its variants apart.

    python benchmarks/folds.py ablations/small/balance [KEY=VALUE ...] --speech SPEECH --output DIR
        [--only VARIANT ...] [--folds 3] [--seeds 1] [--reference fixed]

SPEECH holds corpora, each a folder for every speaker and ``utterances.tsv`` with the columns path
and session. The speakers of each with two utterances or more are parted into folds. Every variant
is trained on all folds but one, and scores that one: trials within a corpus, across sessions where
a speaker has several. The trials of all folds are pooled, each with the scores of the model that
never heard its speakers.

Equal error rates are means over the seeds, with intervals by bootstrap over speakers, the same for
all variants; "against" is the difference from the reference on the same speakers. Whatever is done
is kept: a run that was cut off is resumed, another call with other variants adds them, and several
may run at the same time.
"""

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from contravox.commands.cpu import tune_process
from contravox.corpora.preparation import prepare_corpus
from contravox.errors import AudioWarning, TrialsError
from contravox.evaluation.validation import score_trials
from contravox.inference.embed import embed_manifest
from contravox.manifest import Manifest
from contravox.metrics.bootstrap import bootstrap_speakers
from contravox.metrics.error_rates import equal_error_rate
from contravox.metrics.paired_bootstrap import Difference
from contravox.model import Model
from contravox.terminal.messages import note
from contravox.terminal.progress import progress_bar
from contravox.training.recipe import Recipe
from contravox.training.shares import mean_shares, shares_in_words
from contravox.training.sweep import Sweep
from contravox.training.trainer import Trainer
from contravox.trials.making import make_trials
from contravox.trials.protocol import Protocol
from contravox.trials.scores import SCORES, aligned_scores, write_scores
from contravox.trials.trial_set import TrialSet
from contravox.trials.trials import Trials

TWIN = "an4/mdcs2"
"""May be the same person as mdcs."""
MAXIMUM = 3000
"""Trials of a kind from one corpus in one fold."""


@dataclass(frozen=True)
class Fold:
    """manifest: the file of the utterances to train on; trials: of the speakers left out."""

    manifest: Path
    trials: TrialSet

    @cached_property
    def speakers(self) -> tuple[pl.Series, pl.Series]:
        """(k,) of both sides of the trials."""
        table, manifest = self.trials.trials.table, self.trials.manifest
        return manifest.speakers_of(table["enrolment"]), manifest.speakers_of(table["test"])


def main() -> None:
    """Read the options, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sweep")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", nargs="+", metavar="VARIANT")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--reference", default="fixed")
    arguments = parser.parse_intermixed_args()
    tune_process()
    warnings.simplefilter("ignore", AudioWarning)
    sweep = Sweep.read(arguments.sweep)
    folds = make_folds(
        pooled(arguments.speech, arguments.output), arguments.folds, arguments.output
    )
    for seed in range(arguments.seeds):
        for number, fold in enumerate(folds):
            for variant in arguments.only or sweep.variants:
                changes = [*arguments.overrides, *sweep.variants[variant]]
                changes += [f"data.manifest={fold.manifest}", "data.validation_trials=null"]
                changes += [f"training.seed={seed * len(folds) + number}"]
                recipe = Recipe.read(sweep.recipe, changes)
                train_and_score(recipe, run_folder(arguments.output, variant, seed, number), fold)
    Console(width=120).print(
        table_of(
            list(sweep.variants), folds, arguments.seeds, arguments.reference, arguments.output
        )
    )


def run_folder(output: Path, variant: str, seed: int, fold: int) -> Path:
    """Where a training lies."""
    return output / variant / f"seed{seed}" / f"fold{fold}"


def pooled(speech: Path, output: Path) -> Manifest:
    """The utterances of every corpus, of speakers with two or more."""
    parts = []
    for sessions in sorted(speech.glob("*/utterances.tsv")):
        corpus = sessions.parent
        manifest = output / "corpora" / corpus.name / "manifest.tsv"
        if not manifest.exists():
            with progress_bar(corpus.name) as report:
                prepare_corpus("folder", corpus, manifest.parent, progress=report)
        known = pl.read_csv(sessions, separator="\t", infer_schema=False).select(
            pl.concat_str(pl.lit(f"{corpus.resolve()}/"), "path").alias("path"), "session"
        )
        table = Manifest.read(manifest).table.drop("session", "corpus", strict=False)
        parts.append(
            table.join(known, on="path", how="left").with_columns(corpus=pl.lit(corpus.name))
        )
    every = Manifest.joined([Manifest(part) for part in parts])
    counts = every.table.select(pl.len().over(every.identities)).to_series()
    return Manifest(every.table.filter((counts > 1) & (every.identities != TWIN)))


def make_folds(manifest: Manifest, count: int, output: Path) -> list[Fold]:
    """Part the speakers of each corpus into so many folds."""
    fold_of: dict[str, int] = {}
    for corpus in manifest.table["corpus"].unique().sort():
        speakers = Manifest(manifest.table.filter(pl.col("corpus") == corpus)).speakers
        shuffled = np.random.default_rng(0).permutation(speakers)
        fold_of |= {str(speaker): place % count for place, speaker in enumerate(shuffled)}
    folds = []
    for number in range(count):
        test = manifest.of_speakers([name for name, fold in fold_of.items() if fold == number])
        rest = manifest.of_speakers([name for name, fold in fold_of.items() if fold != number])
        path = output / "folds" / f"{number}_of_{count}.tsv"
        rest.write(path)
        lists = [
            make_trials(Manifest(part), seed=number, maximum=MAXIMUM).table
            for part in test.table.partition_by("corpus", maintain_order=True)
        ]
        protocol = Protocol(f"fold {number} of {count}")
        folds.append(Fold(path, TrialSet.of(Trials(pl.concat(lists)), test, protocol)))
        note(
            f"{protocol.name}: {len(rest.speakers):,} speakers to train on, "
            f"{len(test.speakers):,} to test on, {sum(map(len, lists)):,} trials"
        )
    return folds


def train_and_score(recipe: Recipe, folder: Path, fold: Fold) -> None:
    """Train, unless it was, and write the scores of the fold's trials."""
    if (folder / SCORES).exists():
        return
    title = "/".join(folder.parts[-3:])
    with progress_bar(title) as report:
        trainer = Trainer(recipe, folder, progress=report)
        model: Model = trainer.fit(resume=True)
    embeddings = embed_manifest(model, fold.trials.manifest)
    scores = score_trials(embeddings, fold.trials, model.settings.comparison)
    write_scores(folder / SCORES, fold.trials.trials, scores)
    rate = equal_error_rate(scores, fold.trials.trials.targets)[0]
    shares = shares_in_words(mean_shares(folder))
    note(
        f"{title}: {trainer.progress.step} steps in {trainer.progress.seconds:.0f} s, "
        f"EER {rate:.2%}, shares {shares or 'of one'}"
    )


@dataclass(frozen=True)
class Rates:
    """A variant's equal error rate, mean over seeds, and replicates of it (r,).

    by_corpus: the mean over corpora, of each its own.
    """

    rate: float
    replicates: NDArray[np.float64]
    by_corpus: float


def rates_of(variant: str, folds: Sequence[Fold], seeds: int, output: Path) -> Rates | None:
    """None where a run is not done."""
    enrolment, test = (pl.concat([fold.speakers[side] for fold in folds]) for side in (0, 1))
    targets = np.concatenate([fold.trials.trials.targets for fold in folds])
    corpora = enrolment.str.split("/").list.first().to_numpy()
    rates, replicates, by_corpus = [], [], []
    for seed in range(seeds):
        try:
            parts = [
                aligned_scores(
                    run_folder(output, variant, seed, number), fold.trials.trials.table, "fold"
                )
                for number, fold in enumerate(folds)
            ]
        except TrialsError:
            return None
        scores = np.concatenate(parts)
        rates.append(equal_error_rate(scores, targets)[0])
        drawn = bootstrap_speakers(scores, targets, enrolment, test)
        replicates.append(drawn.equal_error_rate)
        for corpus in np.unique(corpora):
            of_it = corpora == corpus
            by_corpus.append(equal_error_rate(scores[of_it], targets[of_it])[0])
    return Rates(float(np.mean(rates)), np.mean(replicates, axis=0), float(np.mean(by_corpus)))


def table_of(
    variants: Sequence[str], folds: Sequence[Fold], seeds: int, reference: str, output: Path
) -> Table:
    """Every variant of which all runs are done."""
    found = {}
    for variant in variants:
        rates = rates_of(variant, folds, seeds, output)
        if rates is not None:
            found[variant] = rates
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in ("Variant", "EER (%)", "95 %", f"against {reference}", "95 %", "p", "by corpus"):
        table.add_column(column, justify="left" if column == "Variant" else "right", no_wrap=True)
    first = found.get(reference)
    for variant, rates in found.items():
        other = first or rates
        compared = Difference.of(
            "EER", None, (other.rate, rates.rate), (other.replicates, rates.replicates)
        )
        beside = ["", "", ""]
        if first is not None and variant != reference:
            beside = [
                f"{100 * compared.difference:+.2f}",
                interval(compared.interval),
                f"{compared.p_value:.3f}",
            ]
        table.add_row(
            variant,
            f"{100 * rates.rate:.2f}",
            interval(compared.second_interval),
            *beside,
            f"{100 * rates.by_corpus:.2f}",
        )
    return table


def interval(ends: tuple[float, float]) -> str:
    """An interval of rates in percent."""
    return f"{100 * ends[0]:.2f} – {100 * ends[1]:.2f}"


if __name__ == "__main__":
    main()

"""What calibrations are worth on corpora that neither they nor the model ever heard.

    python benchmarks/left_out_calibration.py [--output DIR]

Takes what ``left_out_corpora.py`` trained and embedded in DIR: the model of VARIANT. It is
calibrated on the calibration speakers of the corpora that it was trained on, in several ways, and
tried on the corpora left out. Prints a table: Cllr in bits, and in brackets misses / false alarms
in % at even odds, means of the corpora; ``each for itself`` is what the best calibration of each
corpus and condition would cost.
"""

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from contravox.commands.cpu import tune_process
from contravox.errors import AudioWarning
from contravox.evaluation.augmented_copies import AugmentedCopies
from contravox.evaluation.evaluation import TrialEmbeddings
from contravox.evaluation.model_evaluation import ModelEvaluation
from contravox.manifest import Manifest
from contravox.metrics.log_likelihood_ratio_cost import (
    log_likelihood_ratio_cost,
    minimum_log_likelihood_ratio_cost,
)
from contravox.scoring.calibration import Calibration
from contravox.scoring.calibration_columns import Quality, ratios_of, trial_columns
from contravox.scoring.scorer import Scorer, ScoringSettings
from contravox.terminal.progress import progress_bar
from contravox.trials.making import make_pooled_trials
from contravox.trials.trial_set import TrialSet
from default_decisions import Known, known_of
from default_model import COPIES, MAXIMUM
from default_rates import CorpusTrials, trials_by_corpus
from left_out_corpora import CONDITIONS, LEFT_OUT, heard_of_left_out

VARIANT = "every other layer of the teacher, trained"
PAIRS = [*((condition, condition) for condition in CONDITIONS), ("as recorded", "telephone")]
"""The conditions of the two sides of trials."""


def main() -> None:
    """Read the options; print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("default_model"))
    output: Path = parser.parse_args().output
    tune_process()
    warnings.simplefilter("ignore", AudioWarning)
    folder = output / "left_out" / VARIANT
    heard = heard_of_left_out(output)
    known = {each: known_of(heard, folder / "measured", each) for each in CONDITIONS}
    fits = calibrations(output, folder)
    print("| calibrated on |" + "".join(f" {' / '.join(dict.fromkeys(pair))} |" for pair in PAIRS))
    print("|---|" + "---|" * len(PAIRS))
    trials = list(trials_by_corpus(heard).values())
    for name, calibration in fits.items():
        cells = [measured(calibration, trials, known[a], known[b]) for a, b in PAIRS]
        print(f"| {name} |" + "".join(f" {cell} |" for cell in cells))
    best = [least(trials, known[a], known[b]) for a, b in PAIRS]
    print("| each for itself |" + "".join(f" {cost:.2f} |" for cost in best))


def calibrations(output: Path, folder: Path) -> dict[str, Calibration]:
    """Learned on calibration speakers of the corpora that the model was trained on."""
    manifest = Manifest.read(output / "calibration" / "manifest.tsv")
    own = Manifest(manifest.table.filter(~pl.col("corpus").is_in(LEFT_OUT)))
    place = folder / "calibration"
    place.mkdir(exist_ok=True)
    own.write(place / "manifest.tsv")
    make_pooled_trials(own, maximum=MAXIMUM).write(place / "trials.tsv")
    evaluation = ModelEvaluation(folder / "model.onnx", stage=progress_bar)
    plain = evaluation.embed(TrialSet.read(place), ["bandwidth"])
    with progress_bar("augmented copies") as report:
        copied = AugmentedCopies(COPIES).add_to(plain, evaluation.model, report)
    return {
        "whole recordings": learned(plain, []),
        "and two copies": learned(copied, []),
        "and durations": learned(copied, ["duration"]),
        "and bandwidths": learned(copied, ["duration", "bandwidth"]),
    }


def learned(trials: TrialEmbeddings, quality: Sequence[Quality]) -> Calibration:
    """A calibration of the plain score, and of what else it is to look at."""
    of = trials.trial_set
    scored = Scorer(ScoringSettings()).score(trials.embeddings, of.trials)
    columns = trial_columns(scored, trials.embeddings, of, quality, trials.bandwidths)
    return Calibration.learn(columns, of.trials.targets)


def measured(
    calibration: Calibration, corpora: Sequence[CorpusTrials], one: Known, other: Known
) -> str:
    """Cost, misses and false alarms, means of the corpora."""
    found = []
    for corpus in corpora:
        (first, left), (second, right) = one.of(corpus.sides[0]), other.of(corpus.sides[1])
        ratios = ratios_of(calibration, (first * second).sum(axis=1), left, right)
        targets = corpus.trials.targets
        cost = log_likelihood_ratio_cost(ratios, targets)
        found.append((cost, (ratios[targets] < 0).mean(), (ratios[~targets] >= 0).mean()))
    cost, misses, false_alarms = np.mean(found, axis=0)
    return f"{cost:.2f} ({100 * misses:.1f} / {100 * false_alarms:.1f})"


def least(corpora: Sequence[CorpusTrials], one: Known, other: Known) -> float:
    """What the best calibration of each corpus would cost, a mean."""
    costs = []
    for corpus in corpora:
        (first, _), (second, _) = one.of(corpus.sides[0]), other.of(corpus.sides[1])
        scores = (first * second).sum(axis=1)
        costs.append(minimum_log_likelihood_ratio_cost(scores, corpus.trials.targets))
    return float(np.mean(costs))


if __name__ == "__main__":
    main()

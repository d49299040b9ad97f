"""An ablation: one recipe in several variants, each trained with several seeds."""

import hashlib
import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from contravox.errors import (
    CheckpointError,
    ContravoxError,
    OutputError,
    RecipeError,
    TrainingError,
)
from contravox.evaluation.evaluation import EvaluationSettings
from contravox.evaluation.model_evaluation import ModelEvaluation
from contravox.manifest import Manifest
from contravox.settings import FolderName, Seed, Settings
from contravox.trained_on import refuse_shared
from contravox.training.checkpoint import decisive_settings
from contravox.training.inputs import trial_set_digest
from contravox.training.recipe import Recipe
from contravox.training.settings_file import read_settings
from contravox.training.shipped import RECIPE, find_sweep
from contravox.training.sweep_results import NAME as RESULTS
from contravox.training.sweep_results import RunResult, read_results, write_results
from contravox.training.trainer import MODEL, Trainer
from contravox.trials.trial_set import TrialSet


class Sweep(Settings):
    """A recipe and its variants.

    recipe: a file, or the name of a shipped one. variants: by name, the ``key=value`` in which
    each differs from it; an empty list is the recipe itself. trials: a list to evaluate on, or the
    folder of one.
    """

    recipe: str
    variants: dict[FolderName, tuple[str, ...]] = Field(min_length=1, max_length=1000)
    seeds: tuple[Seed, ...] = Field((0, 1, 2), min_length=1, max_length=1000)
    trials: Path

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: one is there twice, and would count twice: leave it out")
        # Some file systems do not tell cases apart, or forms of a letter: both would be one folder.
        folders: dict[str, str] = {}
        for name in self.variants:
            other = folders.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
            if other != name:
                raise ValueError(f"variants: {name} differs from {other} by case only: rename one")
        return self

    @classmethod
    def read(cls, sweep: str | Path) -> "Sweep":
        """Read a file, or a shipped sweep by its name. Raises RecipeError naming the key."""
        return read_settings(cls, find_sweep(sweep))


FILES = (RESULTS, "results.tsv", f"*/seed*/{MODEL}", f"*/seed*/{RECIPE}")
"""What a sweep writes to its folder, beside what else its trainings write to theirs."""


@dataclass(frozen=True, eq=False)
class Run:
    """One training of a sweep, in a folder of its own."""

    variant: str
    seed: int
    recipe: Recipe
    folder: Path


def plan_runs(sweep: Sweep, output: Path, overrides: Sequence[str] = ()) -> list[Run]:
    """Every run of a sweep, all variants with one seed before the next seed.

    overrides: ``key=value`` for all variants, over which those of a variant go.

    Raises RecipeError for any of them, before anything is trained.
    """
    runs = []
    for seed in sweep.seeds:
        for variant, changes in sweep.variants.items():
            settings = [*overrides, *changes, f"training.seed={seed}"]
            try:
                recipe = Recipe.read(sweep.recipe, settings)
            except RecipeError as error:
                raise RecipeError(f"variant {variant}: {error}") from None
            runs.append(Run(variant, seed, recipe, output / variant / f"seed{seed}"))
    return runs


def run_sweep(
    sweep: Sweep,
    output: Path,
    overrides: Sequence[str] = (),
    *,
    drop_others: bool = False,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> list[RunResult]:
    """Train and evaluate every run that is not done yet; resume one that was cut off.

    Runs follow one another in this process, so that Ctrl-C leaves a checkpoint to go on from and a
    mistake is one line. One whose loss is not finite is noted, and the others go on. After each,
    ``results.tsv`` and ``results.json`` below ``output`` hold all results so far.

    drop_others: replace results of runs that the sweep has not, which are refused otherwise.
    progress: called with the steps of a run done and in all, and which run it is.

    Raises what training and evaluation raise.
    """
    runs = plan_runs(sweep, output, overrides)
    trial_set = _check_trials(sweep, runs)
    inputs = _inputs_of_variants(runs)
    digests = {run: run_digest(run.recipe, inputs[run.variant], trial_set) for run in runs}
    kept = {(each.variant, each.seed): each for each in read_results(output)}
    others = kept.keys() - {(run.variant, run.seed) for run in runs}
    if others and not drop_others:
        variant, seed = min(others)
        raise OutputError(
            f"{output / RESULTS}: holds results of {len(others)} runs that this sweep has not, "
            f"such as {variant}, seed {seed}: choose another --output, or pass --force to drop them"
        )
    results = {
        run: replace(result, trials=str(sweep.trials))
        for run in runs
        if (result := kept.get((run.variant, run.seed))) and result.digest == digests[run]
        if result.error is None and (run.folder / MODEL).is_file()
    }
    for number, run in enumerate(runs, start=1):
        title = f"{run.variant}, seed {run.seed} ({number} of {len(runs)}):"
        if run not in results:
            named = RunResult(run.variant, run.seed, str(sweep.trials), digests[run])
            results[run] = _train_and_evaluate(run, trial_set, named, title, progress)
        write_results(output, [results[each] for each in runs if each in results])
    return [results[run] for run in runs]


def run_digest(recipe: Recipe, inputs: Mapping[str, str], trials: TrialSet) -> str:
    """A name for all that a run's result follows from.

    That is the recipe, the content of the files that it reads (``input_digests``) and of the
    trials, and the version of contravox.
    """
    settings = decisive_settings(recipe)
    whole = [version("contravox"), settings, dict(inputs), trial_set_digest(trials)]
    return hashlib.blake2b(json.dumps(whole).encode(), digest_size=16).hexdigest()


def _check_trials(sweep: Sweep, runs: Sequence[Run]) -> TrialSet:
    """The trials, or their refusal, before anything is trained."""
    trial_set = TrialSet.read(sweep.trials)
    for path in {path for run in runs for path in run.recipe.data.manifest}:
        training = Manifest.read(path)
        refuse_shared(trial_set.manifest, training, trial_set.name, "train on another manifest")
    return trial_set


def _inputs_of_variants(runs: Sequence[Run]) -> dict[str, dict[str, str]]:
    """``input_digests`` by variant. A mistake in any of them is found before anything is trained.

    Seeds change nothing that a variant reads.
    """
    inputs = {}
    for run in {run.variant: run for run in runs}.values():
        try:
            inputs[run.variant] = Trainer(run.recipe, run.folder).inputs
        except ContravoxError as error:
            raise type(error)(f"variant {run.variant}: {error}") from error
    return inputs


def _train_and_evaluate(
    run: Run,
    trial_set: TrialSet,
    named: RunResult,
    title: str,
    progress: Callable[[int, int, str], None],
) -> RunResult:
    """``named`` with what the run came to."""
    trainer = Trainer(
        run.recipe,
        run.folder,
        progress=lambda done, total, text: progress(done, total, f"{title} {text}"),
    )
    try:
        trainer.fit(resume=True)
    except CheckpointError:
        raise
    except TrainingError as error:
        return replace(named, error=str(error))
    evaluated = ModelEvaluation(run.folder / MODEL).evaluate(
        trial_set, EvaluationSettings(conditions=())
    )
    result = evaluated.result
    return replace(
        named,
        equal_error_rate=result.equal_error_rate,
        minimum_detection_cost=result.minimum_detection_cost,
        steps=trainer.progress.step,
        training_seconds=round(trainer.progress.seconds, 1),
    )

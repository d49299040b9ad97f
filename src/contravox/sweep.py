"""An ablation: one recipe in several variants, each trained with several seeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from contravox.errors import CheckpointError, RecipeError, TrainingError
from contravox.evaluation import EvaluationSettings
from contravox.manifest import Manifest
from contravox.model_evaluation import ModelEvaluation
from contravox.overlap import recording_digests, refuse_overlap, speaker_digests
from contravox.settings import Settings
from contravox.sweep_results import RunResult, read_results, write_results
from contravox.training.checkpoint import first_difference
from contravox.training.recipe import Recipe
from contravox.training.settings_file import read_settings
from contravox.training.shipped import find_sweep
from contravox.training.trainer import MODEL, Trainer
from contravox.trial_set import TrialSet


class Sweep(Settings):
    """recipe: a file, or the name of a shipped one. variants: by name, the ``key=value`` in which
    each differs from it; an empty list is the recipe itself. trials: a list to evaluate on, or the
    folder of one."""

    recipe: str
    variants: dict[Annotated[str, Field(pattern=r"^[\w.-]+$")], tuple[str, ...]] = Field(
        min_length=1
    )
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    trials: Path

    @classmethod
    def read(cls, sweep: str | Path) -> "Sweep":
        """Read a file, or a shipped sweep by its name. Raises RecipeError naming the key."""
        return read_settings(cls, find_sweep(sweep))


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
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> list[RunResult]:
    """Train and evaluate every run that is not done yet; resume one that was cut off.

    Runs follow one another in this process, so that Ctrl-C leaves a checkpoint to go on from and a
    mistake is one line. One whose loss is not finite is noted, and the others go on. After each,
    ``results.tsv`` and ``results.json`` below ``output`` hold all results so far.

    progress: called with the steps of a run done and in all, and which run it is.

    Raises what training and evaluation raise.
    """
    runs = plan_runs(sweep, output, overrides)
    _check_trials(sweep, runs)
    kept = {(each.variant, each.seed): each for each in read_results(output)}
    results = {
        run: result
        for run in runs
        if (result := kept.get((run.variant, run.seed))) and _is_done(run, result, sweep)
    }
    for number, run in enumerate(runs, start=1):
        title = f"{run.variant}, seed {run.seed} ({number} of {len(runs)}):"
        if run not in results:
            results[run] = _train_and_evaluate(run, sweep, title, progress)
        write_results(output, [results[each] for each in runs if each in results])
    return [results[run] for run in runs]


def _check_trials(sweep: Sweep, runs: Sequence[Run]) -> None:
    """Refuse trials that cannot be scored before anything is trained."""
    trial_set = TrialSet.read(sweep.trials)
    for path in {path for run in runs for path in run.recipe.data.manifest}:
        training = Manifest.read(path)
        refuse_overlap(
            trial_set.manifest,
            trial_set.name,
            speakers=speaker_digests(training),
            recordings=recording_digests(training),
            override="train on another manifest",
        )


def _is_done(run: Run, result: RunResult, sweep: Sweep) -> bool:
    """Whether a result is of this very recipe, on these trials."""
    if result.error or result.trials != str(sweep.trials):
        return False
    path = run.folder / "recipe.yaml"
    if not (path.is_file() and (run.folder / MODEL).is_file()):
        return False
    return first_difference(Recipe.read(path), run.recipe) is None


def _train_and_evaluate(
    run: Run, sweep: Sweep, title: str, progress: Callable[[int, int, str], None]
) -> RunResult:
    named = RunResult(run.variant, run.seed, str(sweep.trials))
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
        TrialSet.read(sweep.trials), EvaluationSettings(conditions=())
    )
    result = evaluated.result
    return replace(
        named,
        equal_error_rate=result.equal_error_rate,
        minimum_detection_cost=result.minimum_detection_cost,
        steps=trainer.progress.step,
        training_seconds=round(trainer.progress.seconds, 1),
    )

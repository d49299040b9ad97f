"""The trainings that claims need: planned, found where they are finished, else trained and scored.

A run is known by what it follows from: its settings, the content of what it trains on, and the run
whose model it starts from. So variants of two sweeps that say the same are trained once, and runs
of other folders count where they are the same. What was cut off is resumed.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from contravox.errors import ContravoxError, OutputError, brief
from contravox.evaluation.validation import score_trials
from contravox.inference.embed import embed_manifest
from contravox.manifest import Manifest
from contravox.metrics.error_rates import equal_error_rate
from contravox.terminal.messages import note
from contravox.terminal.progress import progress_bar
from contravox.training.checkpoint import decisive_settings, first_difference
from contravox.training.inputs import contents, digest_of
from contravox.training.recipe import Recipe
from contravox.training.shares import mean_shares, shares_in_words
from contravox.training.shipped import RECIPE
from contravox.training.sweep import Sweep
from contravox.training.trainer import MODEL, Trainer
from contravox.trials.scores import SCORES, write_scores
from reproduction.claims import Claim, Grid
from reproduction.folds import Fold


@dataclass(frozen=True)
class Place:
    """Which of a claim's runs: a variant with its share of labels, a seed, and a fold's number."""

    variant: str
    labelled: float
    seed: int
    fold: int


@dataclass(frozen=True, eq=False)
class Run:
    """A training, and the fold that it is scored on.

    folder: where it is trained, unless it is finished elsewhere. first: the run whose model it
    starts from. key: of all that it follows from.
    """

    recipe: Recipe
    fold: Fold
    folder: Path
    first: "Run | None"
    key: str

    @classmethod
    def of(cls, recipe: Recipe, fold: Fold, folder: Path, first: "Run | None") -> "Run":
        """Make its key."""
        key = run_key(recipe, None if first is None else first.key)
        return cls(recipe, fold, folder, first, key)

    @property
    def title(self) -> str:
        """Sweep, variant, seed and fold."""
        return "/".join(self.folder.parts[-4:])


def plan_runs(
    claim: Claim, grid: Grid, folds: Sequence[Fold], output: Path, overrides: Sequence[str] = ()
) -> dict[Place, Run]:
    """All runs of a claim, those of one fold before the next.

    output: runs are in it, a folder each. overrides: ``key=value`` for all. Raises RecipeError.
    """
    sweep = Sweep.read(claim.sweep)
    shared = [*overrides, *claim.overrides, "data.validation_trials=null"]
    if grid.epochs is not None:
        shared.append(f"training.epochs={grid.epochs}")
    runs = {}
    for seed in range(grid.seeds):
        for number, fold in enumerate(folds):
            settings = [*shared, f"training.seed={seed * len(folds) + number}"]
            below = Path(f"seed{seed}", fold.name)
            for variant, labelled in claim.variants:
                name = variant if labelled == 1 else f"{variant}_labelled_{labelled:g}"
                changes = [*settings, *sweep.variants[variant]]
                recipe = _on(fold.labelled(labelled), sweep.recipe, changes, labelled)
                first = None
                if recipe.training.initial_model is not None:
                    first = _first_stage(recipe, sweep, settings, fold, output, below)
                folder = output / Path(claim.sweep).name / name / below
                runs[Place(variant, labelled, seed, number)] = Run.of(recipe, fold, folder, first)
    return runs


def _on(manifest: Path, recipe: str, changes: Sequence[str], labelled: float = 1.0) -> Recipe:
    """A recipe on a manifest, with as many steps on a share of its speakers as on all."""
    changes = [*changes, f"data.manifest={manifest}"]
    whole = Recipe.read(recipe, changes)
    if labelled == 1:
        return whole
    epochs = round(whole.training.epochs / labelled)
    return Recipe.read(recipe, [*changes, f"training.epochs={epochs}"])


def _first_stage(
    recipe: Recipe, sweep: Sweep, settings: Sequence[str], fold: Fold, output: Path, below: Path
) -> Run:
    """The run that another starts from: its recipe has the name of the folder of its model.

    It trains on the whole fold, for it reads no labels.
    """
    name = str(recipe.training.initial_model.parent.name)  # type: ignore[union-attr]
    first = _on(fold.manifest, str(Path(sweep.recipe).parent / name), settings)
    return Run.of(first, fold, output / "first_stages" / name / below, None)


def run_key(recipe: Recipe, first: str | None = None) -> str:
    """A name for all that a run's model follows from; first: the key of the run before it."""
    whole = [decisive_settings(recipe), [_content(path) for path in recipe.data.manifest], first]
    return hashlib.blake2b(json.dumps(whole).encode(), digest_size=16).hexdigest()


@cache
def _content(manifest: Path) -> str:
    read = Manifest.read(manifest)
    return digest_of(contents(read), read.identities.to_frame("identity"))


def key_of_folder(folder: Path) -> str:
    """The key of the run that was trained into a folder. Raises what reading its files raises."""
    recipe = Recipe.read(str(folder))
    before = recipe.training.initial_model
    return run_key(recipe, None if before is None else key_of_folder(before.parent))


class Finished:
    """Runs that have been scored, by their keys: the folder of each."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders: dict[str, Path] = {}
        for folder in folders:
            self.add(folder)

    def add(self, folder: Path) -> None:
        """Add every run in a folder that it has not yet; those that cannot be read are named."""
        for scores in sorted(folder.rglob(SCORES)):
            run = scores.parent
            if not (run / RECIPE).is_file():
                continue
            try:
                self.folders.setdefault(key_of_folder(run), run)
            except ContravoxError as error:
                note(f"{run}: is left out: {error}")

    def has(self, run: Run) -> bool:
        """Whether a run is finished."""
        return run.key in self.folders

    def folder(self, run: Run) -> Path:
        """Where a finished run lies."""
        return self.folders[run.key]

    def train(self, run: Run) -> None:
        """Train and score a run, and what it starts from, unless they are finished.

        Raises what training raises.
        """
        if self.has(run):
            return
        recipe = run.recipe
        if run.first is not None:
            self.train(run.first)
            begun = {"initial_model": self.folder(run.first) / MODEL}
            training = recipe.training.model_copy(update=begun)
            recipe = recipe.model_copy(update={"training": training})
        _train_and_score(run.title, recipe, run.fold, run.folder)
        self.folders[run.key] = run.folder


def refuse_others(runs: Iterable[Run], finished: Finished) -> None:
    """Raise OutputError where the folder of a run that is to be trained holds another."""
    for run in runs:
        if run.first is not None:
            refuse_others([run.first], finished)
        if finished.has(run) or not (run.folder / RECIPE).is_file():
            continue
        there = Recipe.read(str(run.folder))
        difference = first_difference(decisive_settings(there), decisive_settings(run.recipe))
        if difference:
            key, old, new = difference
            raise OutputError(
                f"{run.folder}: was trained with {key}={brief(str(old))}, and is now to be with "
                f"{brief(str(new))}: remove the folder, or choose another --output"
            )
        # Where the first stage has not begun, nothing can have started from it.
        if key_of_folder(run.folder) != run.key:
            raise OutputError(
                f"{run.folder}: was trained on other utterances: remove the folder, or choose "
                "another --output"
            )


def _train_and_score(title: str, recipe: Recipe, fold: Fold, folder: Path) -> None:
    """Train into a folder and write the scores of the fold's trials."""
    with progress_bar(title) as report:
        trainer = Trainer(recipe, folder, progress=report)
        model = trainer.fit(resume=True)
    embeddings = embed_manifest(model, fold.trials.manifest)
    scores = score_trials(embeddings, fold.trials, model.settings.comparison)
    write_scores(folder / SCORES, fold.trials.trials, scores)
    rate = equal_error_rate(scores, fold.trials.trials.targets)[0]
    shares = shares_in_words(mean_shares(folder))
    note(
        f"{title}: {trainer.progress.step} steps in {trainer.progress.seconds:.0f} s, "
        f"EER {rate:.2%}, shares {shares or 'of one'}"
    )

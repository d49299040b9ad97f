"""A training run of the default model's recipe."""

from pathlib import Path

from contravox.model import Model
from contravox.terminal.progress import progress_bar
from contravox.training.recipe import Recipe
from contravox.training.trainer import Trainer

RECIPE = Path(__file__).parent / "default_model.yaml"


def files(output: Path, teacher: Path) -> list[str]:
    """The recipe's files as keys and values, below the folder where they were prepared."""
    return [
        f"data.manifest={output / 'train' / 'manifest.tsv'}",
        f"data.teacher={teacher}",
        f"augmentation.noises={output / 'noises' / 'manifest.tsv'}",
        f"augmentation.rooms={output / 'rooms' / 'manifest.tsv'}",
    ]


def train(recipe: Recipe, folder: Path) -> Model:
    """Train, or go on where it stopped."""
    with progress_bar(folder.parent.name) as report:
        return Trainer(recipe, folder, progress=report).fit(resume=True)

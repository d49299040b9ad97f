"""Recipes and sweeps that come with contravox, found by name."""

from contextlib import suppress
from pathlib import Path

from contravox.errors import RecipeError, brief, near_miss

SHIPPED = Path(__file__).parent.parent / "recipes"
"""Recipes that come with contravox; ``contravox train small/mfcon`` finds them by name."""

RECIPE = "recipe.yaml"
"""What a run writes to its folder: the recipe with every default."""

ABLATIONS = "ablations"
"""The folder in it of sweeps over recipes; ``contravox sweep ablations/mfcon`` finds them."""


def shipped_recipes() -> dict[str, Path]:
    """Every recipe that comes with contravox, by its name."""
    return {name: path for name, path in _files().items() if not _is_sweep(name)}


def shipped_sweeps() -> dict[str, Path]:
    """Every sweep that comes with contravox, by its name."""
    return {name: path for name, path in _files().items() if _is_sweep(name)}


def find_recipe(recipe: str | Path) -> Path:
    """The file of a recipe given by path, by the folder of a run or, for one shipped, by name.

    Raises RecipeError.
    """
    of_run = Path(recipe) / RECIPE
    with suppress(OSError):
        if of_run.is_file():
            return of_run
    return _find("recipe", recipe, shipped_recipes())


def find_sweep(sweep: str | Path) -> Path:
    """The file of a sweep given by path or, for one shipped, by name. Raises RecipeError."""
    return _find("sweep", sweep, shipped_sweeps())


def _files() -> dict[str, Path]:
    return {
        path.relative_to(SHIPPED).with_suffix("").as_posix(): path
        for path in sorted(SHIPPED.rglob("*.yaml"))
    }


def _is_sweep(name: str) -> bool:
    return name.startswith(f"{ABLATIONS}/")


def _find(what: str, wanted: str | Path, shipped: dict[str, Path]) -> Path:
    path = Path(wanted)
    # A name too long for the file system is no file either.
    with suppress(OSError):
        if path.is_file():
            return path
    if str(wanted) in shipped:
        return shipped[str(wanted)]
    hint = near_miss(str(wanted), shipped, f"those shipped are {', '.join(shipped)}")
    raise RecipeError(f"{brief(str(wanted), 200)}: no such {what}: {hint}")

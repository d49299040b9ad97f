"""The claims to test, as ``claims.yaml`` declares them."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from contravox.errors import RecipeError, near_miss
from contravox.settings import Count, FolderName, Settings, Share
from contravox.training.settings_file import read_settings
from contravox.training.sweep import Sweep
from reproduction.folds import Parting

FILE = Path(__file__).parent / "claims.yaml"


class Comparison(Settings):
    """Two variants of a sweep; the first is claimed to be better.

    says: what differs, for the page. labelled: the share of the training speakers whose labels
    both may read.
    """

    better: FolderName
    than: FolderName
    says: str
    labelled: Annotated[float, Field(gt=0, le=1)] = 1.0


class Claim(Settings):
    """What a paper claims, and the comparisons that can tell; the first is the paper's own.

    overrides: ``key=value`` for every variant. why: what explains the verdict, as a template over
    what was measured (see ``page``).
    """

    name: FolderName
    title: str
    sentence: str
    paper: str
    sweep: str
    parting: Parting = "speakers"
    overrides: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = Field(min_length=1)
    why: str = ""

    @property
    def variants(self) -> list[tuple[str, float]]:
        """Each variant with its share of labels, once, in the order of the comparisons."""
        pairs = [(name, each.labelled) for each in self.comparisons for name in _both(each)]
        return list(dict.fromkeys(pairs))


class Grid(Settings):
    """How much is run: folds, seeds of each, and epochs where not those of the recipes."""

    folds: Annotated[int, Field(ge=2, le=100)]
    seeds: Count
    epochs: Count | None = None


class Claims(Settings):
    """equivalence: a relative difference in error rate too small to matter, see ``verdict``."""

    equivalence: Share
    grids: dict[FolderName, Grid]
    claims: tuple[Claim, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [claim.name for claim in self.claims]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"claims: {name} is there twice: rename one")
        return self

    @classmethod
    def read(cls, path: Path = FILE) -> "Claims":
        """Read a file of claims. Raises RecipeError, also for a variant that its sweep has not."""
        claims = read_settings(cls, path)
        for claim in claims.claims:
            known = Sweep.read(claim.sweep).variants
            for variant, _ in claim.variants:
                if variant not in known:
                    raise RecipeError(
                        f"{path}: claim {claim.name}: {claim.sweep} has no variant {variant}: "
                        f"{near_miss(variant, known)}"
                    )
        return claims

    def named(self, names: list[str] | None) -> list[str]:
        """The names of these claims, or of all; RecipeError for one that is not there."""
        known = [claim.name for claim in self.claims]
        for name in names or ():
            if name not in known:
                hint = near_miss(name, known, f"they are {', '.join(known)}")
                raise RecipeError(f"--only {name}: no such claim: {hint}")
        return names or known


def _both(comparison: Comparison) -> tuple[str, str]:
    return comparison.better, comparison.than

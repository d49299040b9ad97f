"""What the runs of claims came to, in a file that the page is written from."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter

from contravox.errors import OutputError, brief
from contravox.files.writing import json_text, write_text
from reproduction.verdict import Verdict


@dataclass(frozen=True)
class VariantResult:
    """What the finished runs of a variant come to.

    runs: how many. steps: of a run, their mean. shares: of the encoder's gradient, the mean of each
    objective.
    """

    runs: int
    steps: float
    shares: dict[str, float]


@dataclass(frozen=True)
class ComparisonResult:
    """A comparison on the folds that both variants have finished.

    rate, other_rate: equal error rates of the better and the other, on the trials of all folds
    together, the mean over seeds. deviation, other_deviation: sample deviation of the runs, each on
    its own fold. difference, relative: better less other. The intervals hold 95 %.
    """

    better: str
    than: str
    says: str
    labelled: float
    folds: int = 0
    seeds: int = 0
    speakers: int = 0
    trials: int = 0
    rate: float | None = None
    deviation: float | None = None
    other_rate: float | None = None
    other_deviation: float | None = None
    difference: float | None = None
    interval: tuple[float, float] | None = None
    relative: float | None = None
    relative_interval: tuple[float, float] | None = None
    p_value: float | None = None
    verdict: Verdict = "not run"


@dataclass(frozen=True)
class ClaimResult:
    """A claim as it is declared, and what was measured; variants by name and share of labels."""

    name: str
    title: str
    sentence: str
    paper: str
    sweep: str
    parting: str
    overrides: list[str]
    why: str
    variants: dict[str, VariantResult]
    comparisons: list[ComparisonResult]

    def kept(self, earlier: "ClaimResult") -> "ClaimResult":
        """The same, of each comparison and variant whichever counts more runs; else this one's."""
        if (self.sweep, self.parting, self.overrides) != (
            earlier.sweep,
            earlier.parting,
            earlier.overrides,
        ):
            return self
        before = {(each.better, each.than, each.labelled): each for each in earlier.comparisons}
        comparisons = []
        for each in self.comparisons:
            old = before.get((each.better, each.than, each.labelled), each)
            more = old.folds * old.seeds > each.folds * each.seeds
            comparisons.append(replace(old, says=each.says) if more else each)
        compared = {
            variant_name(variant, each.labelled)
            for each in comparisons
            for variant in (each.better, each.than)
        }
        variants = self.variants | {
            name: old
            for name, old in earlier.variants.items()
            if name in compared
            and (name not in self.variants or old.runs > self.variants[name].runs)
        }
        return replace(self, comparisons=comparisons, variants=variants)


@dataclass(frozen=True)
class Results:
    """All claims on a grid. corpora: by name, their speakers and utterances."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    grid: str
    folds: int
    seeds: int
    epochs: int | None
    equivalence: float
    corpora: dict[str, tuple[int, int]]
    claims: list[ClaimResult]

    def kept(self, earlier: "Results") -> "Results":
        """The same, with what earlier results tell of runs that are not at hand any more.

        Raises OutputError where those are of another grid or of other speech.
        """
        for name in ("grid", "folds", "seeds", "epochs", "equivalence", "corpora"):
            if getattr(self, name) != getattr(earlier, name):
                raise OutputError(
                    f"--keep: {name} was {brief(str(getattr(earlier, name)))} and is now "
                    f"{brief(str(getattr(self, name)))}: leave out --keep, or choose another --page"
                )
        before = {claim.name: claim for claim in earlier.claims}
        claims = [claim.kept(before.get(claim.name, claim)) for claim in self.claims]
        return replace(self, claims=claims)

    def write(self, path: Path) -> None:
        """Write JSON. Raises OutputError."""
        write_text(path, json_text(asdict(self)) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Read what ``write`` wrote. Raises OutputError for another file."""
        try:
            return TypeAdapter(cls).validate_python(json.loads(path.read_bytes()))
        except (OSError, ValueError, RecursionError) as error:
            raise OutputError(f"{path}: holds no results of claims: write it anew") from error


def variant_name(variant: str, labelled: float) -> str:
    """A variant's name in a claim's results."""
    return variant if labelled == 1 else f"{variant}, {labelled:.0%} of the labels"

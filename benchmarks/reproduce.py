"""The papers' claims on real speech, run and written down: docs/results.md.

    python benchmarks/reproduce.py --speech SPEECH [--quick] [--only CLAIM ...] [--headlines]
        [--output runs/reproduce] [--reuse DIR ...] [--finished] [--keep] [--workers 1]
        [--page docs] [--claims FILE]

SPEECH holds corpora, each a folder for every speaker and ``utterances.tsv`` with the columns path
and session. The claims are in ``reproduction/claims.yaml``; what they need is trained and scored,
all claims on one fold before the next, so that every claim has an answer early, which later folds
sharpen. Call it again to go on where it was cut off. After each fold the page and its JSON are
written from what is finished, of all claims.

--headlines runs the first comparison of each claim alone, the paper's own.
--quick takes hours on two cores, and several calls if need be; without it the grid is for a GPU.
--reuse names folders of other runs that count where they are the same. --finished trains nothing.
--keep leaves comparisons on the page whose runs are gone, and trains for those alone that the page
has on fewer folds; it trusts that recipes and code gave the same then.
"""

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from contravox.commands.cpu import tune_process
from contravox.errors import AudioWarning, CheckpointError, ContravoxError, TrainingError
from contravox.manifest import Manifest
from contravox.terminal.messages import note
from reproduction.claims import FILE, Claims, Grid
from reproduction.folds import make_folds
from reproduction.measurement import Measurement
from reproduction.page import DATA, PAGE, write_page
from reproduction.results import ClaimResult, Results
from reproduction.runs import Finished, Place, Run, plan_runs, refuse_others
from reproduction.speech import decoded, pooled


@dataclass
class Reproduction:
    """The claims on a grid. runs: of each claim by its name. earlier: results that are kept."""

    name: str
    grid: Grid
    claims: Claims
    manifest: Manifest
    runs: dict[str, dict[Place, Run]]
    finished: Finished
    earlier: Results | None = None

    @classmethod
    def plan(
        cls, name: str, claims: Claims, manifest: Manifest, output: Path, overrides: Sequence[str]
    ) -> "Reproduction":
        """Plan every run of a manifest; a grid has a folder of its own in ``output``."""
        grid, place = claims.grids[name], output / name
        partings = dict.fromkeys(claim.parting for claim in claims.claims)
        folds = {parting: make_folds(manifest, grid.folds, output, parting) for parting in partings}
        runs = {
            claim.name: plan_runs(claim, grid, folds[claim.parting], place, overrides)
            for claim in claims.claims
        }
        return cls(name, grid, claims, manifest, runs, Finished([place]))

    def train(self, only: Collection[str], page: Path, headlines: bool = False) -> None:
        """Train what is not finished of these claims, and write the page after each fold.

        headlines: of each claim the first comparison alone, the paper's own.
        Raises OutputError where a run's folder holds another, before anything is trained.
        """
        turns: dict[tuple[int, int], list[Run]] = {}
        for claim in self.results().claims:
            wanted = self._wanted(claim, headlines) if claim.name in only else set()
            for place, run in self.runs[claim.name].items():
                if (place.variant, place.labelled) in wanted and not self.finished.has(run):
                    turns.setdefault((place.seed, place.fold), []).append(run)
        waiting = [run for runs in turns.values() for run in runs]
        refuse_others(waiting, self.finished)
        note(f"{len({run.key for run in waiting})} runs to train")
        for _, runs in sorted(turns.items()):
            for run in runs:
                self._train(run)
            write_page(self.results(), page)

    def _wanted(self, results: ClaimResult, headlines: bool) -> set[tuple[str, float]]:
        """Variants, with their share of labels, of the comparisons that are not whole yet."""
        planned = Counter((each.variant, each.labelled) for each in self.runs[results.name])
        return {
            (variant, each.labelled)
            for each in results.comparisons[: 1 if headlines else None]
            if each.folds * each.seeds < planned[each.better, each.labelled]
            for variant in (each.better, each.than)
        }

    def _train(self, run: Run) -> None:
        """Train a run; one whose loss is not finite is named, and the others go on."""
        try:
            self.finished.train(run)
        except CheckpointError:
            raise
        except TrainingError as error:
            note(f"{run.title}: failed: {error}")

    def results(self) -> Results:
        """Measure what is finished of all claims."""
        measurement = Measurement(self.finished, self.claims.equivalence)
        corpora = self.manifest.table.partition_by("corpus", as_dict=True, maintain_order=True)
        results = Results(
            grid=self.name,
            folds=self.grid.folds,
            seeds=self.grid.seeds,
            epochs=self.grid.epochs,
            equivalence=self.claims.equivalence,
            corpora={
                str(name): (len(Manifest(part).speakers), len(part))
                for (name,), part in sorted(corpora.items())
            },
            claims=[
                measurement.of_claim(claim, self.runs[claim.name]) for claim in self.claims.claims
            ],
        )
        return results if self.earlier is None else results.kept(self.earlier)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, run and write the page."""
    options = read_options(arguments)
    tune_process()
    warnings.simplefilter("ignore", AudioWarning)
    try:
        claims = Claims.read(options.claims)
        only = claims.named(options.only)
        manifest = pooled(decoded(options.speech, options.output / "speech"), options.output)
        name = "quick" if options.quick else "full"
        overrides = [f"data.workers={options.workers}"]
        reproduction = Reproduction.plan(name, claims, manifest, options.output, overrides)
        for folder in options.reuse:
            reproduction.finished.add(folder)
        if options.keep:
            reproduction.earlier = Results.read(options.page / DATA)
        if not options.finished:
            reproduction.train(only, options.page, options.headlines)
        write_page(reproduction.results(), options.page)
    except KeyboardInterrupt:
        note("reproduce: stopped; the same command goes on from here")
        sys.exit(130)
    except ContravoxError as error:
        note(f"reproduce: {error}")
        sys.exit(2)
    note(f"wrote {options.page / PAGE}")


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; see the head of this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--headlines", action="store_true")
    parser.add_argument("--output", type=Path, default=Path("runs/reproduce"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", metavar="CLAIM")
    parser.add_argument("--reuse", nargs="+", type=Path, default=[], metavar="DIR")
    parser.add_argument("--finished", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--page", type=Path, default=Path("docs"))
    parser.add_argument("--claims", type=Path, default=FILE)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()

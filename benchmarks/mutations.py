"""Which faults put into a room's code its tests do not find.

    .venv/bin/pip install cosmic-ray
    OMP_NUM_THREADS=1 nice .venv/bin/python benchmarks/mutations.py metrics objectives [--share 0.3]

Each place of the code that an operator of cosmic-ray can change is changed in one way, drawn by
--seed, and the tests of the room are run on it until one fails. What survives is printed: a test is
missing, or the change is none. --share tries so many of the places, --only those of some modules.

A mutant is a process forked from this one, where what is slow to import is there already.
"""

import argparse
import ast
import importlib
import importlib.machinery
import math
import os
import random
import resource
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import pytest
from cosmic_ray.ast import Visitor, get_ast
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator, operator_names

TOP = Path(__file__).parents[1]

SLOW = (
    *("hypothesis", "lightning_fabric", "polars", "pytorch_metric_learning.losses"),
    *("scipy.optimize", "sklearn.isotonic", "torch", "torch.utils.checkpoint"),
    *("torchjd.aggregation",),
)
"""What code and tests import of others."""

PATIENCE = 3
"""How often the processor time of a room's tests those of a mutant may take; a change may make a
loop endless."""

LEFT_OUT = ("VariableReplacer", "VariableInserter", "RemoveDecorator")
"""Operators that take names of a user's, or change what no run shows."""

PROCESSES = "processes"
"""In the names of tests that begin others, which a process that was forked cannot."""

NOTHING = "core/NoOp"
"""The operator that changes nothing; it is not among the others."""


class Mutant(NamedTuple):
    """A change of a file: occurrence: which of the operator's places it is at."""

    path: Path
    line: int
    operator: str
    occurrence: int

    @property
    def source(self) -> str:
        """The file as it is changed."""
        text = self.path.read_text(encoding="utf-8")
        if self.operator == NOTHING:
            return text
        return str(
            MutationVisitor.mutate_code(text, get_operator(self.operator)(), self.occurrence)
        )

    def __str__(self) -> str:
        before = self.path.read_text(encoding="utf-8").splitlines()
        after = self.source.splitlines()
        changed = [pair for pair in zip(before, after, strict=False) if pair[0] != pair[1]]
        old, new = changed[0] if changed else ("", "")
        place = f"{self.path.relative_to(TOP)}:{self.line}"
        return f"{place}\n    - {old.strip()}\n    + {new.strip()}"


def main() -> None:
    """Read the options, try the mutants and print what survives."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rooms", nargs="+")
    parser.add_argument("--only", nargs="+", help="modules of the rooms")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name in SLOW:
        importlib.import_module(name)
    draw = random.Random(arguments.seed)
    for room in arguments.rooms:
        paths = sorted((TOP / "src" / "contravox" / room).glob("*.py"))
        if arguments.only:
            paths = [path for path in paths if path.stem in arguments.only]
        places = [mutant for path in paths for mutant in _mutants(path, draw)]
        tried = draw.sample(places, round(arguments.share * len(places)))
        as_it_is = Mutant(paths[0], 0, NOTHING, 0)
        outcome, seconds = _outcome(as_it_is, _tests(room, ""), resource.RLIM_INFINITY)
        if outcome != "survived":
            raise SystemExit(f"{room}: its tests fail as it is: nothing can be told from them")
        limit = PATIENCE * math.ceil(seconds)
        counts: Counter[str] = Counter()
        for number, mutant in enumerate(tried, start=1):
            outcome, _ = _outcome(mutant, _tests(room, mutant.path.stem), limit)
            counts[outcome] += 1
            if outcome != "killed":
                print(f"{outcome}: {mutant}", flush=True)
            if number % 20 == 0:
                print(f"{room}: {number} of {len(tried)}, {dict(counts)}", flush=True)
        print(f"{room}: {len(tried)} of {len(places)} places, {dict(counts)}", flush=True)


def _mutants(path: Path, draw: random.Random) -> Iterator[Mutant]:
    """One for each place and kind of operator, but in annotations, which no run reads."""
    text = path.read_text(encoding="utf-8")
    annotated = _annotated(ast.parse(text))
    operators = {
        name: get_operator(name)()
        for name in operator_names()
        if name.rpartition("/")[2] not in LEFT_OUT
    }
    at_place: dict[tuple[str, Any], list[Mutant]] = {}
    for name, starts in _places(text, operators).items():
        kind = name.rpartition("/")[2].partition("_")[0]
        for occurrence, start in enumerate(starts):
            if not any(first <= start < last for first, last in annotated):
                mutant = Mutant(path, start[0], name, occurrence)
                at_place.setdefault((kind, start), []).append(mutant)
    for mutants in at_place.values():
        yield draw.choice(mutants)


def _places(text: str, operators: Mapping[str, Any]) -> dict[str, list[tuple[int, int]]]:
    """Line and column of each place of each operator, in the order of its occurrences."""
    found: dict[str, list[tuple[int, int]]] = {name: [] for name in operators}

    class Look(Visitor):
        def visit(self, node: Any) -> Any:
            for name, operator in operators.items():
                found[name].extend(start for start, _ in operator.mutation_positions(node))
            return node

    Look().walk(get_ast(text))
    return found


def _annotated(tree: ast.AST) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations begin and end."""
    nodes = [
        annotation
        for node in ast.walk(tree)
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if isinstance(annotation, ast.expr)
    ]
    return [
        ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))
        for node in nodes
    ]


def _tests(room: str, module: str) -> list[list[str]]:
    """The tests of a module, and if those find nothing the others of its room."""
    files = sorted((TOP / "tests" / room).glob("test_*.py"))
    own = [str(path) for path in files if path.stem in (f"test_{module}", "test_properties")]
    return [own, [str(path) for path in files if str(path) not in own]]


def _outcome(mutant: Mutant, tests: Sequence[Sequence[str]], limit: int) -> tuple[str, float]:
    """What the tests make of a mutant, and in how many seconds of a processor.

    limit: of those seconds.
    """
    process = os.fork()
    if process == 0:
        status = 3
        with suppress(BaseException):
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            status = _run(mutant, tests)
        os._exit(status)
    _, status, used = os.wait4(process, 0)
    return "survived" if status == 0 else "killed", used.ru_utime + used.ru_stime


def _run(mutant: Mutant, tests: Sequence[Sequence[str]]) -> int:
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    get_code = importlib.machinery.SourceFileLoader.get_code

    def mutated(loader: Any, name: str) -> CodeType | None:
        path = loader.get_filename(name)
        if Path(path) != mutant.path:
            return get_code(loader, name)
        return compile(mutant.source, path, "exec", dont_inherit=True)

    setattr(importlib.machinery.SourceFileLoader, "get_code", mutated)  # noqa: B010
    os.chdir(TOP)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-k", f"not {PROCESSES}"]
    runs = (int(pytest.main([*options, *each])) for each in tests)
    return next((status for status in runs if status), 0)


if __name__ == "__main__":
    main()

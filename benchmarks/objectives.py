"""How fast the objectives are, and in how much memory, beside other people's: a table a question.

    python benchmarks/objectives.py [--only NAME ...] [--quick] [--device cuda] [--json FILE]

See ``measure.py`` for how a step is measured and ``contestants.py`` for what each contestant
computes. pytorch-metric-learning's NT-Xent at N = 1,024 is left out: it takes a minute and a half
and 17 GB. On a GPU one more question asks for the largest batches.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from pytorch_metric_learning.losses import (  # type: ignore[import-untyped]
    NTXentLoss,
    SupConLoss,
)
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import contestants
from contravox.files.writing import write_text
from contravox.objectives.functional import nt_xent_loss, supcon_loss
from contravox.terminal.progress import progress_bar
from measure import Failure, Loss, MakeInputs, Result, measure_in_turns

QUICK_SIZE = 4096
"""With --quick no batch is larger."""
PEAK_SIZE = 4096
"""Size of the square matrices whose product gives the machine's matrix peak."""
WIDTH = 124
"""Columns of text that a table needs; a pipe has 80."""

CONTRAVOX, PLAIN, PRODUCTS = "contravox", "plain PyTorch", "matrix products"
METRIC_LEARNING, PUBLIC_CODE = "pytorch-metric-learning", "CEL's public code"
WESPEAKER, SPEECHBRAIN = "WeSpeaker", "SpeechBrain"
ATTENDED, COMPILED = "with margin and attention", "contravox, compiled"

Quantity = Literal["time", "memory"]


@dataclass(frozen=True)
class ShareTarget:
    """A contestant is to take at most a share of a rival's time or memory."""

    quantity: Quantity
    share: float
    rival: str
    contestant: str = CONTRAVOX

    def verdict(self, results: Mapping[str, Result]) -> str:
        """Say in a line whether it was reached."""
        amounts = []
        for name in (self.contestant, self.rival):
            result = results[name]
            if isinstance(result, Failure):
                return f"{self.quantity} against {self.rival}: unknown, {name} {result.reason}"
            amounts.append(result.median if self.quantity == "time" else result.extra_bytes)
        share = amounts[0] / amounts[1]
        reached = "yes" if share <= self.share else "no"
        if self.share < 1:
            gain = "faster" if self.quantity == "time" else "less memory"
            return (
                f"{1 / share:.1f}× {gain} than {self.rival}, wanted {1 / self.share:g}×: {reached}"
            )
        return (
            f"{share:.2f}× the {self.quantity} of {self.rival}, "
            f"wanted at most {self.share:g}×: {reached}"
        )


@dataclass(frozen=True)
class MemoryTarget:
    """contravox is to take at most so much memory."""

    megabytes: float

    def verdict(self, results: Mapping[str, Result]) -> str:
        """Say in a line whether it was reached."""
        result = results[CONTRAVOX]
        if isinstance(result, Failure):
            return f"memory: no, {result.reason}"
        megabytes = result.extra_bytes / 1e6
        reached = "yes" if megabytes <= self.megabytes else "no"
        return f"{megabytes:,.0f} MB, wanted at most {self.megabytes:,.0f}: {reached}"


@dataclass(frozen=True)
class Case:
    """A batch of one size, the contestants that take it on, and what is to be reached.

    operations: floating-point operations of the matrix products, where the loss is mostly these.
    remark: what the size is made of, labels or samples × the segments of each; pairs without one.
    """

    size: int
    make_inputs: MakeInputs
    losses: Mapping[str, Loss]
    targets: tuple[ShareTarget | MemoryTarget, ...] = ()
    operations: int | None = None
    remark: str = ""

    @property
    def name(self) -> str:
        return f"{self.size:,}{self.remark}"


@dataclass(frozen=True)
class Question:
    """What a table answers."""

    name: str
    title: str
    cases: tuple[Case, ...]
    device: str | None = None
    """The only device that it is asked on, if any."""


def supcon_case(
    size: int, *rivals: str, segments: int = 2, targets: tuple[ShareTarget | MemoryTarget, ...] = ()
) -> Case:
    """contravox's SupCon and some rivals on so many segments of every label."""
    losses: dict[str, Loss] = {
        CONTRAVOX: partial(supcon_loss, temperature=contestants.TEMPERATURE),
        COMPILED: contestants.compiled_supcon,
        PLAIN: contestants.plain_supcon,
        METRIC_LEARNING: SupConLoss(temperature=contestants.TEMPERATURE),
        PRODUCTS: contestants.pair_products,
    }
    return Case(
        size,
        partial(contestants.labelled, segments=segments),
        {name: losses[name] for name in (CONTRAVOX, *rivals)},
        targets,
        operations=8 * size**2 * contestants.EMBEDDING_SIZE,
        remark="" if segments == 2 else f" ({size // segments:,} × {segments})",
    )


def margin_case(size: int) -> Case:
    """contravox's SupCon without and with a margin and attention."""
    losses = {CONTRAVOX: contestants.unattended_supcon, ATTENDED: contestants.attended_supcon}
    target = ShareTarget("time", 1.5, CONTRAVOX, contestant=ATTENDED)
    return Case(size, contestants.attended, losses, (target,))


def equilibrium_case(
    size: int, *rivals: str, targets: tuple[ShareTarget | MemoryTarget, ...] = ()
) -> Case:
    """contravox's uniformity and angular contrastive loss, and some rivals."""
    losses = {
        CONTRAVOX: contestants.contravox_equilibrium,
        PLAIN: contestants.plain_equilibrium,
        PUBLIC_CODE: contestants.public_equilibrium,
    }
    return Case(
        size,
        contestants.two_views,
        {name: losses[name] for name in (CONTRAVOX, *rivals)},
        targets,
        remark=f" ({size // 2:,} × 2)",
    )


def nt_xent_case(size: int, *rivals: str) -> Case:
    """contravox's NT-Xent and some rivals on pairs."""
    losses: dict[str, Loss] = {
        CONTRAVOX: partial(nt_xent_loss, temperature=contestants.TEMPERATURE),
        METRIC_LEARNING: NTXentLoss(temperature=contestants.TEMPERATURE),
    }
    return Case(
        size,
        contestants.labelled,
        {name: losses[name] for name in (CONTRAVOX, *rivals)},
        operations=8 * size**2 * contestants.EMBEDDING_SIZE,
    )


NEVER_SLOWER = ShareTarget("time", 1, PLAIN)
HALF_THE_SPEED = ShareTarget("time", 2, PRODUCTS)
EVERYONE = (PLAIN, METRIC_LEARNING, PRODUCTS)

QUESTIONS = (
    Question(
        "supcon",
        "Supervised contrastive loss",
        (
            supcon_case(256, *EVERYONE, targets=(NEVER_SLOWER,)),
            supcon_case(1024, *EVERYONE, targets=(NEVER_SLOWER,)),
            supcon_case(1024, *EVERYONE, segments=4, targets=(NEVER_SLOWER,)),
            supcon_case(
                8192,
                *EVERYONE,
                targets=(
                    ShareTarget("time", 1 / 3, METRIC_LEARNING),
                    ShareTarget("memory", 1 / 20, METRIC_LEARNING),
                    HALF_THE_SPEED,
                ),
            ),
            supcon_case(8192, PRODUCTS, segments=4, targets=(HALF_THE_SPEED,)),
            supcon_case(65536, targets=(MemoryTarget(1000),)),
        ),
    ),
    Question(
        "margin",
        "Supervised contrastive loss with an angular margin and class-aware attention",
        tuple(margin_case(size) for size in (256, 1024, 8192)),
    ),
    Question(
        "equilibrium",
        "Uniformity and angular contrastive loss of two views",
        (
            equilibrium_case(256, PLAIN, PUBLIC_CODE),
            equilibrium_case(
                1024, PLAIN, PUBLIC_CODE, targets=(ShareTarget("time", 1 / 50, PUBLIC_CODE),)
            ),
            equilibrium_case(8192, targets=(MemoryTarget(200),)),
            equilibrium_case(16384, targets=(MemoryTarget(200),)),
        ),
    ),
    Question(
        "nt_xent",
        "NT-Xent",
        (nt_xent_case(256, METRIC_LEARNING), nt_xent_case(1024), nt_xent_case(8192)),
    ),
    Question(
        "aam_softmax",
        f"AAM-softmax over {contestants.CLASSES:,} classes",
        (
            Case(
                4096,
                contestants.classified,
                {
                    CONTRAVOX: contestants.contravox_aam_softmax,
                    WESPEAKER: contestants.wespeaker_aam_softmax,
                    SPEECHBRAIN: contestants.speechbrain_aam_softmax,
                    PRODUCTS: contestants.class_products,
                },
                (
                    ShareTarget("time", 1, WESPEAKER),
                    ShareTarget("time", 1, SPEECHBRAIN),
                    ShareTarget("memory", 1 / 2, WESPEAKER),
                    ShareTarget("memory", 1 / 2, SPEECHBRAIN),
                ),
                operations=6 * 4096 * contestants.CLASSES * contestants.EMBEDDING_SIZE,
            ),
        ),
    ),
    Question(
        "largest",
        "Supervised contrastive loss of the largest batches",
        (
            supcon_case(65536, COMPILED, PLAIN, PRODUCTS, targets=(HALF_THE_SPEED,)),
            supcon_case(262144, COMPILED, PRODUCTS, targets=(HALF_THE_SPEED,)),
        ),
        device="cuda",
    ),
)

Measure = Callable[[Mapping[str, Loss], MakeInputs, int], dict[str, Result]]
"""``measure_in_turns`` on a device, with its threads and repeats."""

COLUMNS = (
    "Contestant",
    "N",
    "Median\n(ms)",
    "Best\n(ms)",
    "Extra memory\n(MB)",
    "Of the matrix\npeak (%)",
    "Loss",
    "Gradient's\nlength",
)


def row_texts(case: Case, name: str, result: Result, peak: float) -> tuple[str, ...]:
    """A contestant's results as one text for each of ``COLUMNS``; peak in operations a second."""
    if isinstance(result, Failure):
        return (name, case.name, result.reason)
    share = "–"
    if case.operations is not None:
        share = f"{100 * case.operations / result.median / peak:.0f}"
    return (
        name,
        case.name,
        f"{1000 * result.median:,.1f}",
        f"{1000 * min(result.seconds):,.1f}",
        f"{result.extra_bytes / 1e6:,.1f}",
        share,
        "–" if result.loss is None else f"{result.loss:.5f}",
        "–" if result.gradient is None else f"{result.gradient:.3e}",
    )


def render_table(title: str) -> Table:
    """The table of a question, still without rows."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    for column in COLUMNS:
        left = column == COLUMNS[0]
        table.add_column(column, justify="left" if left else "right", no_wrap=column in COLUMNS[:2])
    return table


def parse_arguments() -> argparse.Namespace:
    """What the user asks for."""
    parser = argparse.ArgumentParser(
        description="Time and memory of the objectives beside other people's."
    )
    names = [question.name for question in QUESTIONS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="these questions")
    parser.add_argument("--quick", action="store_true", help=f"no batch above {QUICK_SIZE:,}")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=2, help="of every contestant (2)")
    parser.add_argument("--repeats", type=int, default=5, help="turns of every contestant (5)")
    parser.add_argument("--json", type=Path, help="also write every turn's seconds here")
    return parser.parse_args()


def ask(
    question: Question, cases: Sequence[Case], measure: Measure, peak: float, console: Console
) -> list[dict[str, Any]]:
    """Measure the cases, print their table and what was reached; the measurements for JSON."""
    table, verdicts, records = render_table(question.title), [], []
    with progress_bar(question.title) as report:
        for done, case in enumerate(cases):
            report(done, len(cases), f"N = {case.name}")
            results = measure(case.losses, case.make_inputs, case.size)
            for name, result in results.items():
                table.add_row(*row_texts(case, name, result, peak))
                place = {"question": question.name, "case": case.name, "contestant": name}
                records.append(place | asdict(result))
            table.add_section()
            verdicts += [f"N = {case.name}: {goal.verdict(results)}" for goal in case.targets]
    console.print(table, *verdicts, "", sep="\n", highlight=False)
    return records


def matrix_peak(measure: Measure) -> float:
    """Floating-point operations a second of a large matrix product."""
    result = measure({"": contestants.matrix_product}, contestants.square_matrices, PEAK_SIZE)[""]
    if isinstance(result, Failure):
        sys.exit(f"a product of two matrices {result.reason}")
    return 2 * PEAK_SIZE**3 / min(result.seconds)


def main() -> None:
    """Ask every question that was asked for."""
    arguments = parse_arguments()
    measure = partial(
        measure_in_turns,
        device=arguments.device,
        threads=arguments.threads,
        repeats=arguments.repeats,
    )
    console = Console()
    console.width = max(console.width, WIDTH)
    peak = matrix_peak(measure)
    cpu = f"CPU with {torch.backends.cpu.get_cpu_capability()}"
    setting = {
        "device": torch.cuda.get_device_name() if arguments.device == "cuda" else cpu,
        "threads": arguments.threads,
        "pytorch": torch.__version__,
        "matrix_peak": peak,
    }
    console.print(
        "{device}, {threads} threads, PyTorch {pytorch}".format(**setting),
        f"float32, d = {contestants.EMBEDDING_SIZE}, matrix peak {peak / 1e9:,.0f} GFLOP/s\n",
        sep=", ",
        highlight=False,
    )
    largest = QUICK_SIZE if arguments.quick else math.inf
    measurements = []
    for question in QUESTIONS:
        if question.name not in arguments.only:
            continue
        if question.device not in (None, arguments.device):
            console.print(f"{question.title}: only with --device {question.device}\n")
            continue
        cases = [case for case in question.cases if case.size <= largest]
        measurements += ask(question, cases, measure, peak, console)
    if arguments.json is not None:
        write_text(arguments.json, json.dumps(setting | {"measurements": measurements}, indent=1))


if __name__ == "__main__":
    main()

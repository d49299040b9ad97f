"""Options of the verbs that score trials, and what they print."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from contravox.commands.console import print_json
from contravox.commands.numbers import priors
from contravox.terminal.messages import tell

if TYPE_CHECKING:
    from contravox.evaluation.evaluation import Evaluation, EvaluationSettings


class Enrolment(StrEnum):
    """What several utterances make together: see ``scoring.enrolment``."""

    unit = "unit"
    raw = "raw"
    scores = "scores"


class Normalisation(StrEnum):
    """S-norm, or adaptive by each side's own cohort or by the other side's."""

    s = "s"
    as1 = "as1"
    as2 = "as2"


class WhiteningOption(StrEnum):
    """Only the mean, all of the covariance, or that within speakers."""

    mean = "mean"
    all = "all"
    within = "within"


class QualityMeasure(StrEnum):
    """Of a recording, for calibration."""

    duration = "duration"
    magnitude = "magnitude"
    cohort = "cohort"


ENROLMENTS = {
    Enrolment.unit: "mean of unit embeddings",
    Enrolment.raw: "mean of embeddings",
    Enrolment.scores: "mean of scores",
}
NORMALISATIONS = {
    Normalisation.s: "S-norm",
    Normalisation.as1: "AS-norm1",
    Normalisation.as2: "AS-norm2",
}
WHITENINGS = {
    WhiteningOption.mean: "mean subtraction",
    WhiteningOption.all: "whitening",
    WhiteningOption.within: "within-class whitening",
}

EnrolmentOption = Annotated[
    Enrolment, typer.Option(help="Several utterances: mean of unit or raw embeddings, or scores.")
]
TargetColumn = Annotated[
    Literal["first", "last"] | None,
    typer.Option(
        help="Which tells target trials, where a list has no header and can be read two ways."
    ),
]
Normalise = Annotated[
    Normalisation | None,
    typer.Option(help="S-norm, or adaptive: AS-norm1, or cross-selected AS-norm2."),
]
Top = Annotated[
    int, typer.Option(min=2, max=10_000_000, help="Members of the cohort that adaptive ones take.")
]
Whiten = Annotated[
    WhiteningOption | None,
    typer.Option(help="Take the mean out; also whiten; or whiten within speakers."),
]
Plda = Annotated[bool, typer.Option("--plda", help="Two-covariance PLDA in place of the cosine.")]
CalibrateOn = Annotated[
    Path | None,
    typer.Option(help="Trials of other speakers, to learn log-likelihood ratios on."),
]
QualityOption = Annotated[
    list[QualityMeasure] | None,
    typer.Option(help="What calibration sees beside the score; may be given again."),
]
PTarget = Annotated[
    list[float] | None,
    typer.Option(
        callback=priors,
        help="Prior of the detection costs; may be given again. Default: 0.01 and 0.05.",
    ),
]
Conditions = Annotated[
    list[str] | None,
    typer.Option(help="Column to part trials by; may be given again. Default: those it has."),
]
AllowOverlap = Annotated[
    bool, typer.Option("--allow-overlap", help="Score speakers that were trained on.")
]


def evaluation_settings(
    *,
    enrolment: Enrolment,
    normalise: Normalisation | None,
    top: int,
    whiten: WhiteningOption | None,
    plda: bool,
    quality: Sequence[QualityMeasure] | None,
    p_target: Sequence[float] | None,
    condition: Sequence[str] | None,
) -> "EvaluationSettings":
    """What the options ask for. Raises typer.BadParameter where they contradict each other."""
    from pydantic import ValidationError

    from contravox.evaluation.evaluation import EvaluationSettings
    from contravox.evaluation.result import P_TARGETS

    method = normalise and {"method": NORMALISATIONS[normalise], "top": top}
    try:
        return EvaluationSettings.model_validate(
            {
                "scoring": {
                    "enrolment": ENROLMENTS[enrolment],
                    "whitening": whiten and WHITENINGS[whiten],
                    "backend": "PLDA" if plda else "cosine",
                    "normalisation": method,
                },
                "p_targets": p_target or P_TARGETS,
                "quality": [measure.value for measure in quality or []],
                "conditions": condition or None,
            }
        )
    except ValidationError as error:
        mistake = error.errors()[0]
        place = ".".join(map(str, mistake["loc"]))
        reason = mistake["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(f"{place}: {reason}" if place else reason) from None


def print_evaluation(evaluation: "Evaluation", output: Path | None, *, as_json: bool) -> None:
    """Print a table for people or JSON for programs; write the files where asked to."""
    from contravox.report.folder import write_evaluation
    from contravox.report.table import render_table

    if output is not None:
        write_evaluation(evaluation, output)
    if as_json:
        print_json(evaluation.metrics)
        return
    from rich.console import Console

    Console().print(render_table([evaluation.result]))
    if output is not None:
        tell(f"{output / 'report.html'}")

"""Options of the verbs that score trials, and what they print."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from contravox.commands.console import print_json
from contravox.commands.numbers import priors
from contravox.terminal.messages import tell

if TYPE_CHECKING:
    from contravox.evaluation.evaluation import Evaluation, EvaluationSettings
    from contravox.evaluation.scores_only import ScoredList
    from contravox.scoring.enrolment import EnrolmentMethod
    from contravox.scoring.normalisation import NormalisationMethod
    from contravox.scoring.whitening import WhiteningMethod

# Short names of what results name at length; the type checker holds these to the settings'.
Enrolment = Literal["unit", "raw", "scores"]
ENROLMENTS: "dict[Enrolment, EnrolmentMethod]" = {
    "unit": "mean of unit embeddings",
    "raw": "mean of embeddings",
    "scores": "mean of scores",
}
Normalisation = Literal["s", "as1", "as2"]
NORMALISATIONS: "dict[Normalisation, NormalisationMethod]" = {
    "s": "S-norm",
    "as1": "AS-norm1",
    "as2": "AS-norm2",
}
Whitening = Literal["mean", "all", "within"]
WHITENINGS: "dict[Whitening, WhiteningMethod]" = {
    "mean": "mean subtraction",
    "all": "whitening",
    "within": "within-class whitening",
}

# typer takes lists of an enumeration's names, not of a Literal's.
Quality = StrEnum("Quality", ["duration", "bandwidth", "magnitude", "cohort"])

OutputFolder = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Folder for scores.tsv, metrics.json, report.html."),
]
TargetColumn = Annotated[
    Literal["first", "last"] | None,
    typer.Option(
        help="Which tells target trials, where a list has no header and can be read two ways."
    ),
]
CalibrateOn = Annotated[
    Path | None,
    typer.Option(help="Trials of other speakers, to learn log-likelihood ratios on."),
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


@dataclass(frozen=True)
class ScoringOptions:
    """How embeddings become scores, and what is measured of them."""

    enrolment: Annotated[
        Enrolment,
        typer.Option(help="Several utterances: mean of unit or raw embeddings, or scores."),
    ] = "unit"
    normalise: Annotated[
        Normalisation | None,
        typer.Option(help="S-norm, or adaptive: AS-norm1, or cross-selected AS-norm2."),
    ] = None
    top: Annotated[
        int | None,
        typer.Option(
            min=2, max=10_000_000, help="Members of the cohort that adaptive ones take: 300."
        ),
    ] = None
    whiten: Annotated[
        Whitening | None,
        typer.Option(help="Take the mean out; also whiten; or whiten within speakers."),
    ] = None
    plda: Annotated[
        bool, typer.Option("--plda", help="Two-covariance PLDA in place of the cosine.")
    ] = False
    p_target: PTarget = None
    condition: Conditions = None

    def settings(self, quality: Sequence[Quality] = ()) -> "EvaluationSettings":
        """What the options ask for. Raises typer.BadParameter where it is not to be had."""
        from pydantic import ValidationError

        from contravox.evaluation.evaluation import EvaluationSettings
        from contravox.evaluation.result import P_TARGETS
        from contravox.scoring.normalisation import NormalisationSettings
        from contravox.scoring.scorer import ScoringSettings
        from contravox.settings import first_mistake

        if self.top is not None and self.normalise in (None, "s"):
            raise typer.BadParameter("--top is of adaptive normalisation: give --normalise as1 too")
        normalisation = None
        if self.normalise is not None:
            method = NORMALISATIONS[self.normalise]
            adaptive = {} if self.top is None else {"top": self.top}
            normalisation = NormalisationSettings(method=method, **adaptive)
        scoring = ScoringSettings(
            enrolment=ENROLMENTS[self.enrolment],
            whitening=None if self.whiten is None else WHITENINGS[self.whiten],
            backend="PLDA" if self.plda else "cosine",
            normalisation=normalisation,
        )
        try:
            return EvaluationSettings.model_validate(
                {
                    "scoring": scoring,
                    "p_targets": self.p_target or P_TARGETS,
                    "quality": [each.value for each in quality],
                    "conditions": self.condition or None,
                }
            )
        except ValidationError as error:
            keys, reason, _ = first_mistake(error)
            raise typer.BadParameter(f"{keys[0]}: {reason}") from None


def refuse_idle(training: Path | None, settings: "EvaluationSettings") -> None:
    """Raises typer.BadParameter for training data from which nothing would be learned."""
    if training is not None and not settings.scoring.learns:
        raise typer.BadParameter(
            "--training is what --whiten, --plda and --normalise learn from: give one of these too"
        )


def print_evaluation(evaluation: "Evaluation", output: Path | None, *, as_json: bool) -> None:
    """Print a table for people or JSON for programs; write the files where asked to."""
    from contravox.report.folder import write_evaluation
    from contravox.report.table import render_table

    page = None if output is None else write_evaluation(evaluation, output)
    if as_json:
        print_json(evaluation.metrics)
        return
    from rich.console import Console

    Console().print(render_table([evaluation.result]))
    if page is not None:
        tell(str(page))


def print_scores(scored: "ScoredList", output: Path, *, as_json: bool) -> None:
    """Score a list as its scores are written; print where they are, or their protocol."""
    from contravox.report.folder import write_scored_list

    path = write_scored_list(scored, output)
    if as_json:
        print_json({"protocol": scored.protocol})
    else:
        tell(str(path))

"""``contravox calibrate``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Json, Output, print_json
from contravox.commands.scoring_options import AllowOverlap


class RecordingQuality(StrEnum):
    """What is known of a recording without a cohort."""

    duration = "duration"
    magnitude = "magnitude"


def calibrate(
    model: Annotated[Path, typer.Argument(help="model.safetensors")],
    trials: Annotated[Path, typer.Argument(help="Trials used for nothing else.")],
    output: Annotated[Path, Output],
    quality: Annotated[
        list[RecordingQuality] | None,
        typer.Option(help="What to look at beside the score; may be given again."),
    ] = None,
    allow_overlap: AllowOverlap = False,
    as_json: Json = False,
) -> None:
    """Learn log-likelihood ratios; writes a model whose `verify` gives probabilities."""
    from contravox.embedding_cache import default_cache
    from contravox.model_evaluation import ModelEvaluation
    from contravox.progress import progress_bar
    from contravox.trial_set import TrialSet

    evaluation = ModelEvaluation(
        model, cache=default_cache(), allow_overlap=allow_overlap, stage=progress_bar
    )
    calibration = evaluation.calibrate(
        TrialSet.read(trials), [measure.value for measure in quality or []]
    )
    evaluation.model.save(output)
    if as_json:
        print_json({"model": str(output), **calibration.model_dump()})
    else:
        terms = " ".join(f"{weight:+.3g}·{name}" for name, weight in calibration.weights.items())
        print(f"{output}: log-likelihood ratio = {calibration.offset:.3g} {terms}")

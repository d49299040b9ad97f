"""``contravox calibrate``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Force, Json, Output, print_json
from contravox.commands.galleries import model_of
from contravox.commands.scoring_options import AllowOverlap, TargetColumn
from contravox.terminal.messages import tell


class RecordingQuality(StrEnum):
    """What is known of a recording without a cohort."""

    duration = "duration"
    bandwidth = "bandwidth"
    magnitude = "magnitude"


def calibrate(
    model: Annotated[
        Path, typer.Argument(help="model.onnx, model.safetensors, or default, that of contravox")
    ],
    trials: Annotated[Path, typer.Argument(help="Trials used for nothing else.")],
    output: Annotated[Path, Output],
    quality: Annotated[
        list[RecordingQuality] | None,
        typer.Option(help="What to look at beside the score; may be given again."),
    ] = None,
    augmented: Annotated[
        int,
        typer.Option(
            min=0,
            max=100,
            help="Copies of every recording to learn from too: shorter, in noise, in a room, "
            "over the telephone.",
        ),
    ] = 0,
    speech_only: Annotated[
        bool | None,
        typer.Option(
            "--speech-only/--all",
            help="Let the model embed only the speech of recordings, or all. Default: as it did.",
        ),
    ] = None,
    allow_overlap: AllowOverlap = False,
    force: Force = False,
    target_column: TargetColumn = None,
    as_json: Json = False,
) -> None:
    """Learn log-likelihood ratios; writes a model whose `verify` gives probabilities."""
    from contravox.errors import MissingExtraError, ModelError
    from contravox.evaluation.augmented_copies import AugmentedCopies
    from contravox.evaluation.model_evaluation import ModelEvaluation, calibration_source
    from contravox.files.outputs import claimed_file
    from contravox.inference.embedding_cache import default_cache
    from contravox.inference.loading import load_model
    from contravox.terminal.progress import progress_bar
    from contravox.trials.trial_set import TrialSet

    model = model_of(model)
    evaluation = ModelEvaluation(
        model, cache=default_cache(), allow_overlap=allow_overlap, stage=progress_bar
    )
    if speech_only is not None and speech_only != evaluation.model.settings.speech_only:
        # The threshold was set on other scores.
        evaluation.model.annotate(speech_only=speech_only, threshold=None, threshold_source=None)
    trial_set = TrialSet.read(trials, target=target_column)
    copies = AugmentedCopies(augmented) if augmented else None
    expected = calibration_source(trial_set, copies)

    def own(path: Path) -> bool:
        try:
            before = load_model(path)
        except (ModelError, MissingExtraError):
            return False
        source = before.settings.calibration_source
        return source == expected and before.digest == evaluation.model.digest

    with claimed_file(output, model.suffix, inputs=(model, trials), own=own, force=force):
        calibration = evaluation.calibrate(
            trial_set, [measure.value for measure in quality or []], copies
        )
        evaluation.model.save(output)
    if as_json:
        print_json({"model": str(output), **calibration.model_dump()})
    else:
        terms = " ".join(f"{weight:+.3g}·{name}" for name, weight in calibration.weights.items())
        tell(f"{output}: log-likelihood ratio = {calibration.offset:.3g} {terms}")

"""``contravox evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Force, Json
from contravox.commands.galleries import model_of
from contravox.commands.numbers import finite
from contravox.commands.option_groups import with_option_groups
from contravox.commands.scoring_options import (
    AllowOverlap,
    CalibrateOn,
    OutputFolder,
    Quality,
    ScoringOptions,
    TargetColumn,
    print_evaluation,
    refuse_idle,
)


@with_option_groups
def evaluate(
    model: Annotated[
        Path, typer.Argument(help="model.onnx, model.safetensors, or default, that of contravox")
    ],
    trials: Annotated[
        Path | None,
        typer.Argument(help="A trial list, or the folder of one that `prepare` made."),
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="An official list by its name: voxceleb1-o.")
    ] = None,
    corpora: Annotated[
        Path | None,
        typer.Option(help="Where prepared corpora lie, for --protocol. Default: corpora."),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Default: manifest.tsv beside the trials.")
    ] = None,
    output: OutputFolder = None,
    crops: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="Embed so many crops, not the whole utterance."),
    ] = None,
    crop_seconds: Annotated[
        float | None,
        typer.Option(min=0.1, max=600.0, callback=finite, help="Length of each. Default: 4."),
    ] = None,
    crops_and_whole: Annotated[
        bool, typer.Option("--crops-and-whole", help="Beside the whole utterance, half the score.")
    ] = False,
    training: Annotated[
        Path | None,
        typer.Option(
            help="Manifest of training data: the cohort, and what whitening and PLDA learn."
        ),
    ] = None,
    scoring: ScoringOptions = ScoringOptions(),
    calibrate_on: CalibrateOn = None,
    quality: Annotated[
        list[Quality] | None,
        typer.Option(help="What calibration sees beside the score; may be given again."),
    ] = None,
    cache: Annotated[
        bool, typer.Option(help="Keep embeddings, and embed no recording twice.")
    ] = True,
    drop_unreadable: Annotated[
        bool,
        typer.Option("--drop-unreadable", help="Leave out trials that cannot be read; count them."),
    ] = False,
    allow_overlap: AllowOverlap = False,
    force: Force = False,
    target_column: TargetColumn = None,
    as_json: Json = False,
) -> None:
    """Score a trial list: error rates and costs with intervals, and a report to look at."""
    from contravox.evaluation.model_evaluation import ModelEvaluation
    from contravox.files.outputs import claimed_folder
    from contravox.inference.embed import Crops
    from contravox.inference.embedding_cache import default_cache
    from contravox.report.folder import FILES
    from contravox.terminal.progress import progress_bar
    from contravox.trials.protocol import find_protocol
    from contravox.trials.trial_set import TrialSet, list_file

    if (trials is None) == (protocol is None):
        raise typer.BadParameter("give a trial list, or the name of one by --protocol")
    if corpora is not None and protocol is None:
        raise typer.BadParameter("--corpora is where --protocol looks: give both")
    if crops is None and (crop_seconds is not None or crops_and_whole):
        raise typer.BadParameter("--crop-seconds and --crops-and-whole are of --crops: give it too")
    if quality and calibrate_on is None:
        raise typer.BadParameter(
            "--quality is what --calibrate-on looks at: give both, or `contravox calibrate` the "
            "model so"
        )
    settings = scoring.settings(quality or ())
    refuse_idle(training, settings)
    model = model_of(model)
    place = trials
    if place is None:
        place = find_protocol(protocol or "", corpora or Path("corpora"))
    with claimed_folder(
        output,
        "evaluate",
        FILES,
        inputs=(model, place, manifest, training, calibrate_on),
        made_from={"model": model, "trial list": list_file(place)},
        force=force,
    ):
        evaluation = ModelEvaluation(
            model,
            crops=Crops(crops, crop_seconds or 4.0, crops_and_whole) if crops else None,
            cache=default_cache() if cache else None,
            allow_overlap=allow_overlap,
            drop_unreadable=drop_unreadable,
            stage=progress_bar,
        ).evaluate(
            TrialSet.read(place, manifest, target=target_column),
            settings,
            training=training,
            calibration=TrialSet.read(calibrate_on, target=target_column) if calibrate_on else None,
        )
        print_evaluation(evaluation, output, as_json=as_json)

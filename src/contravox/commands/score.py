"""``contravox score``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Force, Json
from contravox.commands.option_groups import with_option_groups
from contravox.commands.scoring_options import (
    AllowOverlap,
    CalibrateOn,
    OutputFolder,
    ScoringOptions,
    TargetColumn,
    print_evaluation,
)

OVERRIDE = "pass --allow-overlap"


@with_option_groups
def score(
    trials: Annotated[Path, typer.Argument(help="A trial list, or the folder of one.")],
    embeddings: Annotated[
        list[Path], typer.Argument(help=".npz files with `utterances` and `embeddings`.")
    ],
    manifest: Annotated[
        Path | None,
        typer.Option(help="Who speaks, for intervals. Default: manifest.tsv beside the trials."),
    ] = None,
    output: OutputFolder = None,
    training: Annotated[
        Path | None, typer.Option(help=".npz of training data, for cohort, whitening and PLDA.")
    ] = None,
    training_manifest: Annotated[Path | None, typer.Option(help="Who speaks in it.")] = None,
    scoring: ScoringOptions = ScoringOptions(),
    calibrate_on: CalibrateOn = None,
    allow_overlap: AllowOverlap = False,
    force: Force = False,
    target_column: TargetColumn = None,
    as_json: Json = False,
) -> None:
    """Score and measure embeddings made elsewhere, or by `embed`."""
    from contravox.embeddings import Embeddings
    from contravox.evaluation.evaluation import (
        TrainingEmbeddings,
        TrialEmbeddings,
        evaluate_embeddings,
    )
    from contravox.files.outputs import claimed_folder
    from contravox.manifest import Manifest
    from contravox.report.folder import FILES
    from contravox.terminal.progress import progress_bar
    from contravox.trained_on import refuse_shared
    from contravox.trials.trial_set import TrialSet, list_file

    if (training is None) != (training_manifest is None):
        raise typer.BadParameter("--training and --training-manifest go together")
    with claimed_folder(
        output,
        "score",
        FILES,
        inputs=(trials, *embeddings, manifest, training, training_manifest, calibrate_on),
        made_from={
            "trial list": list_file(trials),
            **{f"file {number}": path for number, path in enumerate(embeddings, start=1)},
        },
        force=force,
    ):
        given = Embeddings.joined([Embeddings.load(path) for path in embeddings])
        learned = None
        if training is not None and training_manifest is not None:
            vectors = Embeddings.load(training)
            speakers = Manifest.read(training_manifest).speakers_of(vectors.utterances)
            learned = TrainingEmbeddings(vectors, speakers, str(training))
        test = TrialSet.read_known(trials, manifest, target=target_column)
        if training_manifest is not None and not allow_overlap:
            cohort = Manifest.read(training_manifest)
            refuse_shared(test.manifest, cohort, f"{test.name} and --training", OVERRIDE)
        calibration = None
        if calibrate_on is not None:
            learning = TrialSet.read_known(calibrate_on, target=target_column)
            if not allow_overlap:
                both = f"{test.name} and --calibrate-on"
                refuse_shared(test.manifest, learning.manifest, both, OVERRIDE, by_name=True)
            calibration = TrialEmbeddings(learning, given)
        evaluation = evaluate_embeddings(
            " + ".join(path.stem for path in embeddings),
            TrialEmbeddings(test, given),
            scoring.settings(),
            training=learned,
            calibration=calibration,
            described={
                "embeddings": ", ".join(map(str, embeddings)),
                "calibration": f"learned on {calibrate_on}" if calibrate_on else "none",
            },
            stage=progress_bar,
        )
        print_evaluation(evaluation, output, as_json=as_json)

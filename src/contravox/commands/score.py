"""``contravox score``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    print_scores,
    refuse_idle,
)

if TYPE_CHECKING:
    from contravox.evaluation.evaluation import TrainingEmbeddings
    from contravox.trials.formats import TargetPlace
    from contravox.trials.long_list import LongList
    from contravox.trials.trial_set import TrialSet

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
    scores_only: Annotated[
        bool,
        typer.Option(
            "--scores-only",
            help="Write scores.tsv block by block and measure nothing: for lists of any length.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Score and measure embeddings made elsewhere, or by `embed`."""
    from contravox.embeddings import Embeddings
    from contravox.evaluation.evaluation import TrialEmbeddings, evaluate_embeddings
    from contravox.evaluation.scores_only import score_long_list
    from contravox.files.outputs import claimed_folder
    from contravox.report.folder import FILES
    from contravox.terminal.progress import progress_bar
    from contravox.trials.long_list import LongList
    from contravox.trials.trial_set import TrialSet, list_file

    if (training is None) != (training_manifest is None):
        raise typer.BadParameter("--training and --training-manifest go together")
    settings = scoring.settings()
    refuse_idle(training, settings)
    if scores_only and (output is None or scoring.p_target or scoring.condition):
        raise typer.BadParameter("--scores-only needs --output, and no --p-target or --condition")
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
        learned = _training(training, training_manifest)
        test = _read(trials, manifest, target_column, scores_only=scores_only)
        learning = None
        if calibrate_on is not None:
            learning = TrialSet.read_known(calibrate_on, target=target_column)
        if not allow_overlap:
            _refuse_overlap(test, training_manifest, learning)
        described = {
            "embeddings": ", ".join(map(str, embeddings)),
            "calibration": f"learned on {calibrate_on}" if calibrate_on else "none",
        }
        calibration = None if learning is None else TrialEmbeddings(learning, given)
        if output is not None and isinstance(test, LongList):
            scored = score_long_list(
                test,
                given,
                settings.scoring,
                training=learned,
                calibration=calibration,
                described=described,
                stage=progress_bar,
            )
            print_scores(scored, output, as_json=as_json)
        elif isinstance(test, TrialSet):
            evaluation = evaluate_embeddings(
                " + ".join(path.stem for path in embeddings),
                TrialEmbeddings(test, given),
                settings,
                training=learned,
                calibration=calibration,
                described=described,
                stage=progress_bar,
            )
            print_evaluation(evaluation, output, as_json=as_json)


def _read(
    trials: Path, manifest: Path | None, target: "TargetPlace | None", *, scores_only: bool
) -> "TrialSet | LongList":
    """The list, held in memory only where it will be measured."""
    from contravox.terminal.progress import progress_bar
    from contravox.trials.long_list import LongList
    from contravox.trials.trial_set import TrialSet

    if not scores_only:
        return TrialSet.read_known(trials, manifest, target=target)
    with progress_bar("reading the list") as report:
        return LongList.read(trials, manifest, target=target, progress=report)


def _training(path: Path | None, manifest: Path | None) -> "TrainingEmbeddings | None":
    """The embeddings that scoring learns from, where there are any."""
    from contravox.embeddings import Embeddings
    from contravox.evaluation.evaluation import TrainingEmbeddings
    from contravox.manifest import Manifest

    if path is None or manifest is None:
        return None
    vectors = Embeddings.load(path)
    speakers = Manifest.read(manifest).speakers_of(vectors.utterances)
    return TrainingEmbeddings(vectors, speakers, str(path))


def _refuse_overlap(
    test: "TrialSet | LongList", training_manifest: Path | None, learning: "TrialSet | None"
) -> None:
    """Raises OverlapError where the test shares speakers or recordings with what is learned on."""
    from contravox.manifest import Manifest
    from contravox.trained_on import refuse_shared

    if training_manifest is not None:
        cohort = Manifest.read(training_manifest)
        refuse_shared(test.manifest, cohort, f"{test.name} and --training", OVERRIDE)
    if learning is not None:
        both = f"{test.name} and --calibrate-on"
        refuse_shared(test.manifest, learning.manifest, both, OVERRIDE, by_name=True)

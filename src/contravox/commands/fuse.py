"""``contravox fuse``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Force, Json
from contravox.commands.scoring_options import OutputFolder, TargetColumn, print_evaluation
from contravox.terminal.messages import note


def fuse(
    systems: Annotated[
        list[Path], typer.Argument(help="Each system's scores.tsv of the trials, or its folder.")
    ],
    trials: Annotated[Path, typer.Option(help="The trial list, or the folder of one.")],
    learn_on: Annotated[
        list[Path], typer.Option(help="Each system's scores of other trials, in the same order.")
    ],
    learning_trials: Annotated[Path, typer.Option(help="Those trials, of other speakers.")],
    output: OutputFolder = None,
    force: Force = False,
    target_column: TargetColumn = None,
    as_json: Json = False,
) -> None:
    """Fuse the scores of several systems to one log-likelihood ratio."""
    from contravox.evaluation.fusion import fuse as fuse_scores
    from contravox.files.outputs import claimed_folder
    from contravox.report.folder import FILES
    from contravox.terminal.progress import progress_bar
    from contravox.trials.scores import score_file
    from contravox.trials.trial_set import TrialSet, list_file

    files = [score_file(path) for path in systems]
    with claimed_folder(
        output,
        "fuse",
        FILES,
        inputs=(*files, *map(score_file, learn_on), trials, learning_trials),
        made_from={
            "trial list": list_file(trials),
            **{f"system {number}": path for number, path in enumerate(files, start=1)},
        },
        force=force,
    ):
        evaluation, learned = fuse_scores(
            systems,
            learn_on,
            TrialSet.read(trials, target=target_column),
            TrialSet.read(learning_trials, target=target_column),
            stage=progress_bar,
        )
        terms = " ".join(f"{weight:+.3g}·{name}" for name, weight in learned.weights.items())
        note(f"log-likelihood ratio = {learned.offset:.3g} {terms}")
        print_evaluation(evaluation, output, as_json=as_json)

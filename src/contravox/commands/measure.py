"""``contravox measure``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Force, Json
from contravox.commands.scoring_options import (
    Conditions,
    OutputFolder,
    PTarget,
    TargetColumn,
    print_evaluation,
)
from contravox.terminal.messages import note


def measure(
    trials: Annotated[Path, typer.Argument(help="A trial list, or the folder of one.")],
    scores: Annotated[
        Path, typer.Argument(help="Scores of its trials, a line for each, by any toolkit.")
    ],
    manifest: Annotated[
        Path | None,
        typer.Option(help="Who speaks, for intervals. Default: manifest.tsv beside the trials."),
    ] = None,
    speaker_pattern: Annotated[
        str | None,
        typer.Option(
            help="Who speaks, in place of a manifest: a regular expression of which the first "
            "group is the speaker in the name of an utterance, such as '^([^/]+)/'."
        ),
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option(
            help="What a line of the scores holds, such as 'enrolment test target score'; _ for "
            "what is not looked at. Default: what a header says, or lines show."
        ),
    ] = None,
    ratios: Annotated[
        bool,
        typer.Option(
            "--ratios", help="The scores are natural log-likelihood ratios: actDCF, Cllr."
        ),
    ] = False,
    output: OutputFolder = None,
    p_target: PTarget = None,
    condition: Conditions = None,
    force: Force = False,
    target_column: TargetColumn = None,
    as_json: Json = False,
) -> None:
    """Measure scores that any toolkit wrote: error rates and costs with intervals, and a report."""
    from contravox.evaluation.given_scores import measure_scores
    from contravox.evaluation.result import P_TARGETS
    from contravox.files.outputs import claimed_folder
    from contravox.report.folder import FILES
    from contravox.terminal.progress import progress_bar
    from contravox.trials.score_formats import parse_fields
    from contravox.trials.scores import score_file
    from contravox.trials.trial_set import TrialSet, list_file

    if manifest is not None and speaker_pattern is not None:
        raise typer.BadParameter("give --manifest or --speaker-pattern, not both")
    order = None if fields is None else parse_fields(fields)
    file = score_file(scores)
    with claimed_folder(
        output,
        "measure",
        FILES,
        inputs=(trials, file, manifest),
        made_from={"trial list": list_file(trials), "file of scores": file},
        force=force,
    ):
        if speaker_pattern is None:
            test = TrialSet.read_known(trials, manifest, target=target_column)
        else:
            test = TrialSet.read_alone(trials, target=target_column, speakers=speaker_pattern)
        evaluation = measure_scores(
            file,
            test,
            fields=order,
            log_likelihood_ratios=ratios,
            p_targets=p_target or P_TARGETS,
            conditions=condition or None,
            stage=progress_bar,
        )
        print_evaluation(evaluation, output, as_json=as_json)
        if not test.manifest.speakers_known:
            note(
                "no intervals: it is not known who speaks; give --manifest, or --speaker-pattern "
                "where the names of utterances tell"
            )

"""Whether a run can be resumed with more epochs, or with fewer."""

from pathlib import Path

from contravox.errors import CheckpointError
from contravox.training.recipe import TrainingSettings


def check_length(
    run: Path,
    before: TrainingSettings,
    now: TrainingSettings,
    *,
    step: int,
    steps_per_epoch: int,
    finished: bool,
) -> None:
    """Refuse to resume a run to another length where it would have been another from the start.

    run: its folder. before, now: as it was trained so far, and as it shall go on. step: steps taken
    so far. finished: whether it ended, by its epochs or for want of patience.

    Raises CheckpointError.
    """
    apart = f"or go on in a folder of its own by training.initial_run={run}"
    totals = before.epochs * steps_per_epoch, now.epochs * steps_per_epoch
    for each in range(step):
        rates = (
            settings.schedule.share(each, steps_per_epoch, total)
            for settings, total in zip((before, now), totals, strict=True)
        )
        if len(set(rates)) > 1:
            raise CheckpointError(
                f"{run}: was trained with training.epochs={before.epochs} and training.schedule="
                f"{before.schedule.name}; with {now.epochs} and {now.schedule.name} its learning "
                f"rate would have been another so far: set them back, {apart}"
            )
    if finished and step < totals[0]:
        raise CheckpointError(
            f"{run}: was stopped by training.patience, not for want of epochs: set "
            f"training.epochs back to {before.epochs}, {apart}"
        )
    if step >= totals[1]:
        raise CheckpointError(
            f"{run}: {step / steps_per_epoch:g} epochs are trained already: set training.epochs "
            f"above that, {apart}"
        )

from pathlib import Path

import pytest

from contravox.errors import CheckpointError
from contravox.training.prolonging import check_length
from contravox.training.recipe import TrainingSettings

RUN = Path("runs/x")


def check(before, now, step, finished=False):
    settings = [
        TrainingSettings(epochs=epochs, schedule=schedule) for epochs, schedule in (before, now)
    ]
    check_length(RUN, *settings, step=step, steps_per_epoch=10, finished=finished)


CONSTANT = {"name": "constant", "warmup_steps": 15}
STABLE = {"name": "warmup_stable_decay", "decay_epochs": 2, "warmup_steps": 15}
COSINE = {"name": "cosine", "warmup_steps": 15}


@pytest.mark.parametrize(
    ("before", "now", "step"),
    [
        ((5, CONSTANT), (9, CONSTANT), 50),
        ((5, CONSTANT), (4, CONSTANT), 30),
        # The decay now, and later.
        ((9, CONSTANT), (5, STABLE), 30),
        ((9, STABLE), (5, STABLE), 30),
        ((5, STABLE), (9, STABLE), 30),
        ((9, STABLE), (7, {**STABLE, "decay_epochs": 1}), 60),
        # Nothing but warm-up so far.
        ((9, COSINE), (5, COSINE), 15),
        ((9, COSINE), (5, CONSTANT), 16),
        ((5, {"name": "step"}), (9, {"name": "step"}), 50),
    ],
)
def test_a_run_goes_on_where_all_so_far_is_as_it_would_have_been(before, now, step):
    check(before, now, step, finished=step == 10 * before[0])


@pytest.mark.parametrize(
    ("before", "now", "step", "finished", "reason"),
    [
        ((9, COSINE), (12, COSINE), 17, False, "epochs=9 and training.schedule=cosine; with 12"),
        ((5, STABLE), (9, STABLE), 32, False, "its learning rate would have been another so far"),
        ((9, CONSTANT), (5, STABLE), 32, False, "with 5 and warmup_stable_decay its learning"),
        ((9, CONSTANT), (9, {**CONSTANT, "warmup_steps": 14}), 3, False, "set them back"),
        ((9, CONSTANT), (12, CONSTANT), 40, True, "stopped by training.patience"),
        ((9, CONSTANT), (3, CONSTANT), 30, False, "3 epochs are trained already"),
    ],
)
def test_otherwise_the_way_that_works_is_named(before, now, step, finished, reason):
    with pytest.raises(CheckpointError) as caught:
        check(before, now, step, finished)
    assert str(caught.value).startswith("runs/x: ")
    assert reason in str(caught.value)
    assert str(caught.value).endswith("a folder of its own by training.initial_run=runs/x")

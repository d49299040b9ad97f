import pytest

from contravox.errors import TrainingError
from contravox.training.reading import readers_that_live


@pytest.mark.parametrize(
    "said",
    [
        "DataLoader worker (pid(s) 12) exited unexpectedly",
        "DataLoader worker (pid 12) is killed by signal: Killed. ",
    ],
)
def test_a_reader_that_the_system_ended_is_one_line(said):
    with (
        pytest.raises(TrainingError, match=r"killed, .*data.workers .*--resume"),
        readers_that_live(),
    ):
        raise RuntimeError(said)


def test_other_errors_are_left_alone():
    with pytest.raises(RuntimeError, match="shapes"), readers_that_live():
        raise RuntimeError("shapes do not fit")

import errno
import json
import os
import warnings

import pytest

from contravox.errors import OutputError, TrainingWarning
from contravox.training.log import NAME, TrainingLog


class FullDisk:
    """What no file can be written to."""

    def _refuse(self, *arguments, **keywords):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    add_scalar = close = write = _refuse


def entries(folder):
    return [json.loads(line) for line in (folder / NAME).read_text().splitlines()]


@pytest.mark.parametrize("when", ["step", "end"])
def test_without_tensorboard_training_goes_on_and_says_so_once(tmp_path, when):
    log = TrainingLog(tmp_path)
    log.write(0, {"losses": {"contrast": 1.0}})
    log.board.close()
    log.board = FullDisk()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if when == "step":
            log.write(1, {"losses": {"contrast": 0.5}, "learning_rate": 0.1})
            log.write(2, {"losses": {"contrast": 0.25}})
        log.close()
    [warning] = said
    assert warning.category is TrainingWarning
    assert "tensorboard: is no longer written (no space left on device)" in str(warning.message)
    assert [entry["step"] for entry in entries(tmp_path)] == ([0, 1, 2] if when == "step" else [0])


def test_without_its_log_training_stops_in_one_line(tmp_path):
    log = TrainingLog(tmp_path)
    log.file.close()
    log.file = FullDisk()
    with pytest.raises(OutputError, match=r"cannot be written .*--resume"):
        log.write(0, {"losses": {"contrast": 1.0}})
    log.board.close()

import os
import signal

import pytest

from contravox.errors import OutputError
from contravox.files.lock import locked


@pytest.mark.parametrize("name", ["folder", "file.npz", "n" * 250])
def test_one_process_holds_a_place_and_loses_it_when_it_is_killed(tmp_path, hold, name):
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    process = hold(path)
    with (
        pytest.raises(OutputError, match=f"process {process.pid} on .* is writing it"),
        locked(path),
    ):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    with locked(path):
        pass
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]


def test_a_place_that_cannot_be_written_is_a_typed_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"), locked(tmp_path / "file" / "below"):
        pass

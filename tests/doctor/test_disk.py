import os
import shutil
from types import SimpleNamespace

from contravox.doctor.disk import LEAST, Disk, disk


def test_a_folder_that_is_not_there_yet(tmp_path, monkeypatch):
    asked = []

    def usage(place):
        asked.append(place)
        return SimpleNamespace(free=LEAST)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    folder = tmp_path / "not" / "yet"
    assert disk(folder, "outputs") == Disk(str(folder), "outputs", LEAST, None)
    assert asked == [tmp_path]
    assert not folder.parent.exists()


def test_a_disk_that_is_full_or_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=LEAST - 1))
    assert disk(tmp_path, "outputs").problem == "almost full"
    monkeypatch.setattr(os, "access", lambda place, mode: mode != os.W_OK)
    assert disk(tmp_path, "outputs").problem == "cannot be written"

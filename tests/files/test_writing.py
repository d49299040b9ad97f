import os
import subprocess
import sys

import pytest

from contravox.errors import OutputError
from contravox.files.writing import atomic_path, beside, remove_leftovers, write_text


def test_a_file_appears_whole_with_its_folders(tmp_path):
    write_text(tmp_path / "a" / "b.txt", "é")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "é"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_goes_wrong_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half():
        with atomic_path(path) as temporary:
            temporary.write_text("ne")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unwritable_place_is_a_typed_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        write_text(tmp_path / "file" / "a.txt", "text")


def test_a_full_disk_is_a_typed_error(tmp_path):
    def write():
        with atomic_path(tmp_path / "a.txt"):
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="no space left on device"):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "fifo", "device", "dangling", "link to a folder"])
def test_only_a_regular_file_is_replaced(tmp_path, kind):
    path = tmp_path / "a.txt"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/null")
    elif kind == "link to a folder":
        path.symlink_to(tmp_path)
    else:
        path.symlink_to(tmp_path / "gone" / "b.txt")
    before = os.lstat(path)
    with pytest.raises(OutputError, match=r"a\.txt: (is there, and is not|cannot be written)"):
        write_text(path, "text")
    assert os.lstat(path)[:3] == before[:3]
    assert list(tmp_path.iterdir()) == [path]
    assert not os.path.isfile("/dev/null")


def test_through_a_link_its_file_is_replaced(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    file, link = tmp_path / "elsewhere" / "b.txt", tmp_path / "a.txt"
    file.write_text("old")
    link.symlink_to(file)
    write_text(link, "new")
    assert link.is_symlink()
    assert file.read_text() == "new"
    assert list(file.parent.iterdir()) == [file]


def test_the_disk_has_the_bytes_before_the_name(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor):
        done.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", lambda *a: (done.append("rename"), replace(*a)))
    write_text(tmp_path / "a.txt", "text")
    assert done == [beside(tmp_path / "a.txt", f"{os.getpid()}.tmp").name, "rename", tmp_path.name]


@pytest.mark.parametrize("name", ["n" * 250, "é" * 120])
def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path, name):
    write_text(tmp_path / name, "text")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(OutputError, match=r"file name too long.*shorter name"):
        write_text(tmp_path / (name + "n" * 50), "text")


@pytest.mark.parametrize(
    ("number", "mend"),
    [
        (28, "make room, or"),
        (13, "the right to, or"),
        (30, "choose another"),
        (5, "choose another"),
    ],
)
def test_the_message_names_what_helps(tmp_path, number, mend):
    def write():
        with atomic_path(tmp_path / "a.txt"):
            raise OSError(number, os.strerror(number))

    with pytest.raises(OutputError, match=mend):
        write()


def test_leftovers_of_the_dead_are_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for name in ("a.txt", "shard-01.tar"):
        for process in (ended.pid, os.getpid(), os.getppid()):
            beside(tmp_path / name, f"{process}.tmp").touch()
    (tmp_path / ".a.txt.mine.tmp").touch()
    for pattern in ("a.txt", "shard-*.tar"):
        remove_leftovers(tmp_path, pattern)
    left = {path.name for path in tmp_path.iterdir()}
    living = {
        f".{name}.{process}.tmp"
        for name in ("a.txt", "shard-01.tar")
        for process in (os.getpid(), os.getppid())
    }
    assert left == living | {".a.txt.mine.tmp"}

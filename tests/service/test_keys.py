import errno
import hashlib
import json
import os
import stat

import pytest

from contravox.errors import KeyFileError, OutputError
from contravox.service.keys import KeyFile, add_key, read_keys, remove_key


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.json"


def test_a_key_is_kept_as_a_digest_that_its_owner_alone_can_read(path):
    os.umask(0o022)
    key = add_key(path, "web", ["verify"])
    assert len(key) > 40
    assert key not in path.read_text()
    [kept] = json.loads(path.read_text())["keys"]
    assert kept["sha256"] == hashlib.sha256(key.encode()).hexdigest()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    add_key(path, "other", ["enrol"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_who_could_read_the_file_still_can(path):
    add_key(path, "a", ["verify"])
    path.chmod(0o640)
    add_key(path, "b", ["verify"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    remove_key(path, "b")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    if os.geteuid() == 0:
        os.chown(path, 10001, 10002)
        remove_key(path, "a")
        found = path.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (10001, 10002, 0o640)


def test_where_they_could_not_nothing_is_written(path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    def of_another(descriptor, fstat=os.fstat):
        found = list(fstat(descriptor))
        found[stat.ST_UID] += 1
        return os.stat_result(found)

    add_key(path, "a", ["verify"])
    before = path.read_bytes()
    monkeypatch.setattr(os, "fstat", of_another)
    monkeypatch.setattr(os, "fchown", refuse)
    with pytest.raises(KeyFileError, match="do that as its owner, or as root"):
        add_key(path, "b", ["verify"])
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_keys_differ_and_each_is_found(path):
    keys = {name: add_key(path, name, ["verify", "enrol"]) for name in ("a", "b", "c")}
    assert len(set(keys.values())) == 3
    known = KeyFile(path)
    for name, key in keys.items():
        assert known.find(key).name == name
        for wrong in (key[:-1], key + "x", key.upper(), "", "ключ", kept_of(path, name)):
            assert known.find(wrong) is None


def kept_of(path, name):
    return next(each.sha256 for each in read_keys(path) if each.name == name)


def test_a_key_removed_is_refused_without_a_restart_and_one_added_is_taken(path):
    first = add_key(path, "a", ["verify"])
    known = KeyFile(path)
    second = add_key(path, "b", ["verify"])
    assert known.find(second).name == "b"
    remove_key(path, "a")
    assert known.find(first) is None
    assert known.find(second).name == "b"


def test_where_the_file_goes_nobody_is_let_in(path):
    key = add_key(path, "a", ["verify"])
    known = KeyFile(path)
    path.unlink()
    with pytest.raises(KeyFileError, match="cannot be read"):
        known.find(key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"keys": [{"name": "a"}]}',
        '{"keys": [{"name": "a", "sha256": "x", "scopes": ["verify"], "created": ""}]}',
        '{"keys": [{"name": "a", "sha256": "%s", "scopes": ["all"], "created": ""}]}' % ("0" * 64),
        '{"other": []}',
    ],
)
def test_what_is_no_file_of_keys_is_told_in_a_line(path, text):
    path.write_text(text)
    with pytest.raises(KeyFileError, match=r"is no file of keys") as raised:
        KeyFile(path)
    assert "\n" not in str(raised.value)


def test_names_and_scopes_are_checked(path):
    add_key(path, "a", ["verify"])
    for name, scopes, said in (
        ("a", ["verify"], "has a key named a"),
        ("../x", ["verify"], "letters"),
        ("", ["verify"], "letters"),
        ("b", [], "for nothing"),
    ):
        with pytest.raises(KeyFileError, match=said):
            add_key(path, name, scopes)
    with pytest.raises(KeyFileError, match="no key of that name"):
        remove_key(path, "b")


def test_two_do_not_write_at_once(path, hold):
    add_key(path, "a", ["verify"])
    hold(path)
    with pytest.raises(OutputError, match="is writing it"):
        add_key(path, "b", ["verify"])

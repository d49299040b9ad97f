import pytest

from contravox.audio.stored_folder import StoredFolder
from contravox.errors import AudioError, StorageError
from stores import TroubledStore


@pytest.fixture(params=["here", "store"])
def folder(request, tmp_path):
    TroubledStore.begin()
    yield StoredFolder.at(tmp_path / "f" if request.param == "here" else "troubled://bucket/f/")
    TroubledStore.end()


def test_files_come_and_go(folder):
    assert folder.names() == set()
    assert not folder.has("a")
    folder.write("a", b"one")
    folder.write("b", b"two")
    folder.write("a", b"three")
    assert folder.names() == {"a", "b"}
    assert folder.has("a")
    assert folder.read("a") == b"three"
    folder.remove("a")
    folder.remove("a")
    assert folder.names() == {"b"}
    with pytest.raises(AudioError, match="no such file"):
        folder.read("a")


def test_a_store_that_fails_once_is_asked_again(monkeypatch):
    monkeypatch.setattr("contravox.audio.storage.PAUSES", (0.0,))
    TroubledStore.begin(OSError("throttled"))
    folder = StoredFolder.at("troubled://bucket/f")
    folder.write("a", b"one")
    assert folder.read("a") == b"one"


def test_places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert StoredFolder.at("out").place == f"{tmp_path}/out"
    assert StoredFolder.at("file:///a/b/").place == "/a/b"
    assert not StoredFolder.at("file:///a/b/").in_store
    with pytest.raises(StorageError, match="Protocol not known"):
        StoredFolder.at("nothing://a/b")

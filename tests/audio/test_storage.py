import builtins
import multiprocessing
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from contravox.audio import storage
from contravox.audio.storage import Location, check_store, claim_store, read_bytes, upload
from contravox.errors import AudioError, MissingExtraError, StorageError
from stores import TroubledStore

DATA = bytes(range(256)) * 8


@pytest.fixture
def pauses(monkeypatch):
    """The pauses made, none of which is waited for."""
    made = []
    monkeypatch.setattr(storage.time, "sleep", made.append)
    return made


@pytest.fixture
def store():
    """A function that begins a store of one object with troubles to come."""

    def begin(*troubles):
        TroubledStore.begin(*troubles)
        TroubledStore().pipe_file("/bucket/a.tar", DATA)

    yield begin
    TroubledStore.end()


@pytest.mark.parametrize(
    ("name", "location"),
    [
        ("/a b/é.flac", Location("/a b/é.flac")),
        ("s3://b/c.flac", Location("s3://b/c.flac")),
        ("/a.tar#bytes=0-9", Location("/a.tar", 0, 9)),
        ("s3://b/c.tar#bytes=512-84511", Location("s3://b/c.tar", 512, 84511)),
        # Names of files that only look like a part of a shard.
        ("/a.flac#bytes=0-9", Location("/a.flac#bytes=0-9")),
        ("/a.tar#bytes=0-", Location("/a.tar#bytes=0-")),
        ("/a.tar#bytes=0-9.flac", Location("/a.tar#bytes=0-9.flac")),
        ("/#bytes=1-2.tar#bytes=3-4", Location("/#bytes=1-2.tar", 3, 4)),
    ],
)
def test_a_name_says_where_the_bytes_are(name, location):
    assert Location.parse(name) == location
    assert str(location) == name
    assert location.in_store == ("s3" in name)
    assert location.plain_file == (location.first is None and "s3" not in name)


@pytest.mark.parametrize("folder", ["file", "store"])
@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 2047), (300, 511), (2047, 2047)])
def test_a_part_is_those_bytes_both_ends_included(tmp_path, store, folder, first, last):
    store()
    (tmp_path / "a.tar").write_bytes(DATA)
    place = tmp_path if folder == "file" else "troubled://bucket"
    assert read_bytes(Location(f"{place}/a.tar", first, last)) == DATA[first : last + 1]
    assert read_bytes(Location(f"{place}/a.tar")) == DATA


def test_a_part_takes_one_request(store):
    store()
    read_bytes(Location("troubled://bucket/a.tar", 300, 511))
    assert TroubledStore.requests == [("read", 300, 512)]


@pytest.mark.parametrize("folder", ["file", "store"])
def test_a_part_past_the_end_is_cut_short(tmp_path, store, folder):
    store()
    (tmp_path / "a.tar").write_bytes(DATA)
    place = tmp_path if folder == "file" else "troubled://bucket"
    with pytest.raises(AudioError, match=r"a\.tar#bytes=2000-2100: cut short, 48 of 101 bytes"):
        read_bytes(Location(f"{place}/a.tar", 2000, 2100))
    with pytest.raises(AudioError, match="cut short, 0 of 11 bytes"):
        read_bytes(Location(f"{place}/a.tar", 5000, 5010))


@pytest.mark.parametrize("part", [(None, None), (3, 9)])
@pytest.mark.parametrize("folder", ["file", "store"])
def test_what_is_missing_is_named_at_once(tmp_path, store, pauses, folder, part):
    store()
    place = tmp_path if folder == "file" else "troubled://bucket"
    with pytest.raises(AudioError, match=r"none\.tar.*: no such file"):
        read_bytes(Location(f"{place}/none.tar", *part))
    assert not pauses


def test_a_store_is_asked_again_after_growing_pauses(store, pauses):
    store(OSError("throttled"), ConnectionResetError(104, "Connection reset"), RuntimeError())
    assert read_bytes(Location("troubled://bucket/a.tar", 5, 7)) == DATA[5:8]
    assert pauses == [1, 2, 4]
    assert TroubledStore.requests == [("read", 5, 8)] * 4


def test_a_store_that_keeps_failing_is_an_error_that_names_the_url(store, pauses):
    store(*[OSError(f"slow\ndown {attempt}") for attempt in range(7)])
    with pytest.raises(StorageError) as caught:
        read_bytes(Location("troubled://bucket/a.tar", 5, 7))
    assert pauses == [1, 2, 4, 8, 16, 32]
    assert str(caught.value) == (
        "troubled://bucket/a.tar#bytes=5-7: no answer after 7 attempts (slow down 6): "
        "check the store and start again; training goes on with --resume"
    )
    # The store is well again, and so is the reader.
    assert read_bytes(Location("troubled://bucket/a.tar", 5, 7)) == DATA[5:8]


def test_a_store_that_stops_answering_is_given_up(store, pauses, monkeypatch):
    monkeypatch.setattr(storage, "TIMEOUT", 0.01)
    store(TroubledStore.HANG, TroubledStore.HANG)
    assert read_bytes(Location("troubled://bucket/a.tar", 5, 7)) == DATA[5:8]
    assert pauses == [1, 2]
    store(*[TroubledStore.HANG] * 7)
    with pytest.raises(StorageError, match=r"7 attempts \(none within 0 s\)"):
        read_bytes(Location("troubled://bucket/a.tar", 5, 7))


def test_what_a_store_refuses_is_not_asked_for_again(store, pauses):
    store(PermissionError(13, "Access denied"))
    with pytest.raises(StorageError, match=r"bucket/a\.tar.*access denied: mend"):
        read_bytes(Location("troubled://bucket/a.tar"))
    assert not pauses


def test_an_interrupt_is_not_swallowed(store, pauses):
    store(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        read_bytes(Location("troubled://bucket/a.tar"))


def test_upload_tries_again(tmp_path, store, pauses):
    store(OSError("throttled"))
    (tmp_path / "b.tar").write_bytes(b"new")
    upload(tmp_path / "b.tar", "troubled://bucket/deep/b.tar")
    assert TroubledStore().cat_file("/bucket/deep/b.tar") == b"new"
    assert pauses == [1]


def test_a_store_is_claimed_by_a_file_that_is_taken_away(store, pauses):
    store()
    claim_store("troubled://bucket/deep")
    [(what, claim)] = TroubledStore.requests
    assert (what, claim.startswith("/bucket/deep/contravox-claim-")) == ("write", True)
    assert TroubledStore().find("/") == ["/bucket/a.tar"]


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (FileNotFoundError("The specified bucket does not exist"), "bucket does not exist"),
        (PermissionError("Access Denied"), "Access Denied"),
    ],
)
def test_a_store_that_cannot_be_written_to_is_named(store, pauses, trouble, reason):
    store(trouble)
    with pytest.raises(StorageError, match=rf"^troubled://bucket/deep/.*{reason}: mend the URL"):
        claim_store("troubled://bucket/deep")
    assert not pauses


def test_a_store_that_cannot_be_used_is_named(monkeypatch):
    with pytest.raises(StorageError, match="no URL of a store"):
        check_store("bucket/folder")
    with pytest.raises(StorageError, match=r"^nothing://a: Protocol not known"):
        check_store("nothing://a")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    original = builtins.__import__

    def no_s3fs(name, *arguments, **keywords):
        if name.startswith("s3fs"):
            raise ImportError("no s3fs")
        return original(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", no_s3fs)
    with pytest.raises(MissingExtraError, match=r"^s3://a: .*s3fs") as caught:
        check_store("s3://a")
    assert "\n" not in str(caught.value)


def _sums(path, queue=None):
    """Sums of many parts of a file that are as long as their first byte says."""
    generator = np.random.default_rng(os.getpid())
    sums = [
        sum(read_bytes(Location(path, int(first), int(first) + 255)))
        for first in generator.integers(len(DATA) - 255, size=2000)
    ]
    if queue is not None:
        queue.put(set(sums))
    return set(sums)


def test_threads_and_forked_processes_share_an_open_file(tmp_path):
    # Any 256 neighbours of DATA hold every byte once.
    path = str(tmp_path / "a.tar")
    (tmp_path / "a.tar").write_bytes(DATA)
    expected = {sum(range(256))}
    assert _sums(path) == expected
    forking = multiprocessing.get_context("fork")
    queue = forking.Queue()
    processes = [forking.Process(target=_sums, args=(path, queue)) for _ in range(2)]
    for process in processes:
        process.start()
    with ThreadPoolExecutor(4) as pool:
        assert all(sums == expected for sums in pool.map(_sums, [path] * 4))
    assert [queue.get(timeout=60) for _ in processes] == [expected] * 2
    for process in processes:
        process.join()


def test_more_files_than_are_kept_open(tmp_path):
    for number in range(300):
        (tmp_path / f"{number}.tar").write_bytes(number.to_bytes(2, "big"))
    opened = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        for number in range(300):
            location = Location(f"{tmp_path}/{number}.tar", 0, 1)
            assert int.from_bytes(read_bytes(location), "big") == number
    assert len(os.listdir("/proc/self/fd")) <= opened + 256


class RefusedError(Exception):
    def __init__(self, status):
        super().__init__(f"{status}, message='Forbidden'")
        self.status = status


@pytest.mark.parametrize(
    "trouble", [RefusedError(403), RefusedError(401), ValueError("no such port")]
)
def test_what_a_server_refuses_is_not_asked_again(trouble):
    TroubledStore.begin(trouble)
    with pytest.raises(StorageError, match=r"^troubled://bucket/a: .*: mend the URL$"):
        read_bytes(Location("troubled://bucket/a"))
    assert len(TroubledStore.requests) == 1


def test_a_server_that_is_busy_is_asked_again(monkeypatch):
    monkeypatch.setattr(storage, "PAUSES", (0.0, 0.0))
    TroubledStore.begin(RefusedError(429), RefusedError(503))
    TroubledStore().pipe_file("/bucket/a", b"abc")
    assert read_bytes(Location("troubled://bucket/a")) == b"abc"

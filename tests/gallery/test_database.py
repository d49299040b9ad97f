import errno
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, text

from contravox.errors import GalleryError, GalleryUnavailableError, UnknownSpeakerError
from contravox.gallery import database as module
from contravox.gallery.database import Database, database_url
from contravox.gallery.gallery import Gallery
from contravox.gallery.tables import VERSION_TABLE, metadata
from voices import pitch_verifier, said_by

TESTS = Path(__file__).parents[1]


def execute(place, *statements):
    database = Database(database_url(place))
    with database.writing() as connection:
        for statement in statements:
            connection.execute(text(statement))
    database.close()


def test_migrations_lead_to_the_tables_that_are_used(place):
    database = Database.open(place, create=True)
    with database.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, metadata) == []
    database.close()


def test_a_database_of_another_program_is_refused_and_left_alone(place):
    execute(place, "CREATE TABLE customers (id INTEGER PRIMARY KEY)")
    for create in (True, False):
        with pytest.raises(GalleryError, match=r"of another program, such as customers: give"):
            Gallery.open(place, create=create)


def test_a_gallery_of_a_newer_version_is_refused(place):
    Gallery.open(place).close()
    execute(place, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(GalleryError, match=r"of version 9999, .* install"):
        Gallery.open(place)


def test_a_gallery_that_is_not_there_is_made_only_where_that_is_asked(place):
    with pytest.raises(GalleryError, match="contravox enrol"):
        Gallery.open(place, create=False)
    Gallery.open(place).close()
    Gallery.open(place, create=False).close()


def test_a_file_is_its_owners_only(tmp_path, verifier):
    with Gallery.open(tmp_path / "a" / "g.sqlite", verifier) as gallery:
        gallery.enrol("Ann", said_by("Ann"))
        made = list((tmp_path / "a").iterdir())
        assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mysql://host/db", "mysql: not a database"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("postgresql://u:secret@host:port/db", "cannot be read"),
    ],
)
def test_what_is_no_place_for_a_gallery(name, reason):
    with pytest.raises(GalleryError, match=reason) as raised:
        Gallery.open(name)
    assert "secret" not in str(raised.value)


def test_any_name_of_a_file_is_one(tmp_path):
    for name in ("50% off?.sqlite", "a#b&c=d.sqlite", "é ü.sqlite"):
        Gallery.open(tmp_path / name).close()
        assert (tmp_path / name).exists()


def test_what_is_no_gallery_is_refused_and_left_alone(tmp_path):
    (tmp_path / "song.wav").write_bytes(b"RIFF" * 100)
    with pytest.raises(GalleryError, match=r"song\.wav: is no gallery"):
        Gallery.open(tmp_path / "song.wav")
    assert (tmp_path / "song.wav").read_bytes() == b"RIFF" * 100
    with pytest.raises(GalleryError, match="not a regular file"):
        Gallery.open(tmp_path)
    with pytest.raises(GalleryError, match="not a folder"):
        Gallery.open(tmp_path / "song.wav" / "g.sqlite")


def test_a_damaged_file_is_one_line(tmp_path, verifier):
    path = tmp_path / "g.sqlite"
    with Gallery.open(path, verifier) as gallery:
        for number in range(40):
            gallery.enrol(f"Ann {number}", said_by("Ann", number, seconds=1.2))
    whole = path.read_bytes()
    said = []
    for place in range(100, len(whole), 4096):
        path.write_bytes(whole[:place] + b"\xa5" * 3000 + whole[place + 3000 :])
        for leftover in tmp_path.glob("g.sqlite-*"):
            leftover.unlink()
        try:
            with Gallery.open(path, verifier) as gallery:
                gallery.identify(said_by("Ann", 1))
                gallery.speakers()
        except GalleryError as error:
            said.append(str(error))
    assert len(said) > 3
    assert all(each.startswith(str(path)) and len(each.splitlines()) == 1 for each in said)


@pytest.mark.parametrize("column", ["seconds", "bandwidth"])
@pytest.mark.parametrize("value", [b"\xfe" * 9, "long", float("inf")])
def test_a_gallery_whose_numbers_of_a_recording_are_none(tmp_path, verifier, value, column):
    path = tmp_path / "g.sqlite"
    with Gallery.open(path, verifier) as gallery:
        gallery.enrol("Ann", said_by("Ann"))
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE voiceprints SET {column} = ?", [value])
    with (
        Gallery.open(path, verifier) as gallery,
        pytest.raises(GalleryError, match=rf"is damaged .*no number for its {column}"),
    ):
        gallery.identify(said_by("Ann", 1))


@pytest.mark.parametrize("size", [2**62, 0, -1, None, "long"])
def test_a_gallery_that_does_not_say_how_large_a_voiceprint_is(tmp_path, verifier, size):
    path = tmp_path / "g.sqlite"
    with Gallery.open(path, verifier) as gallery:
        gallery.enrol("Ann", said_by("Ann"))
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM voiceprints")
        connection.execute("UPDATE contravox_gallery SET embedding_size = ?", [size])
    with pytest.raises(GalleryError, match=r"is damaged .*how many numbers"):
        Gallery.open(path, verifier)


def test_a_full_disk_loses_nothing(tmp_path, verifier):
    with Gallery.open(tmp_path / "g.sqlite", verifier) as gallery:
        gallery.enrol("Ann", said_by("Ann"))
        gallery.database.close()

        @event.listens_for(gallery.database._engine, "connect")
        def no_more(connection, _):
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")

        def enrol_many():
            for number in range(200):
                gallery.enrol(f"Bob {number}", said_by("Bob", number, seconds=1.2))
                acknowledged.append(f"Bob {number}")

        acknowledged = ["Ann"]
        with pytest.raises(GalleryError, match="the disk is full"):
            enrol_many()
        assert gallery.identify(said_by("Ann", 9)).speaker == "Ann"
        assert gallery.verify_claim("Ann", said_by("Ann", 9)).accepted
        assert [each.name for each in gallery.speakers()] == sorted(acknowledged)


def test_a_gallery_that_may_not_be_written_says_so(tmp_path, verifier, monkeypatch):
    with Gallery.open(tmp_path / "g.sqlite", verifier) as gallery:
        gallery.database.close()

        @event.listens_for(gallery.database._engine, "connect")
        def read_only(connection, _):
            connection.execute("PRAGMA query_only = ON")

        with pytest.raises(GalleryError, match=r"g\.sqlite: cannot be written \(it is read-only\)"):
            gallery.enrol("Ann", said_by("Ann"))

    def refused(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(GalleryError, match=r"other\.sqlite: cannot be opened \(permission denied"):
        Gallery.open(tmp_path / "other.sqlite")


def test_a_writer_that_waits_too_long_is_told_to_try_again(tmp_path, verifier, monkeypatch):
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    with Gallery.open(tmp_path / "g.sqlite", verifier) as gallery:
        holder = sqlite3.connect(tmp_path / "g.sqlite", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(GalleryUnavailableError, match="in use by another process"):
            gallery.enrol("Ann", said_by("Ann"))
        # Who reads waits for nobody.
        assert gallery.identify(said_by("Ann")).matches == ()
        holder.close()
        assert gallery.enrol("Ann", said_by("Ann")).new


def test_a_server_that_does_not_answer_is_told_without_the_password(tmp_path):
    with pytest.raises(GalleryUnavailableError, match="does not answer") as raised:
        Gallery.open("postgresql://user:secret@127.0.0.1:1/voices")
    assert "secret" not in str(raised.value)


def test_a_connection_that_the_server_ended_is_made_anew(postgresql_place, postgresql, verifier):
    import psycopg

    with Gallery.open(postgresql_place, verifier) as gallery:
        gallery.enrol("Ann", said_by("Ann"))
        with psycopg.connect(postgresql.get_uri(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'contravox'"
            )
        assert gallery.identify(said_by("Ann", 9)).speaker == "Ann"


def test_other_programs_may_search_a_gallery_of_postgresql(postgresql_place, verifier):
    import psycopg

    with Gallery.open(postgresql_place, verifier) as gallery:
        for name in ("Ann", "Bob"):
            gallery.enrol(name, said_by(name))
        test = gallery.voiceprint(said_by("Bob", 9)).vector
    with psycopg.connect(postgresql_place) as connection:
        rows = connection.execute(
            "SELECT name, 1 - (vector <=> %s::vector) FROM voiceprints "
            "JOIN speakers ON speakers.id = speaker ORDER BY 2 DESC",
            [str(test.tolist())],
        ).fetchall()
    assert [name for name, _ in rows] == ["Bob", "Ann"]
    with Gallery.open(postgresql_place, verifier) as gallery:
        claim = gallery.verify_claim("Bob", said_by("Bob", 9))
    assert rows[0][1] == pytest.approx(claim.match.score, abs=1e-6)


ENROL = """
import sys
import threading
from contravox.gallery.gallery import Gallery
from voices import pitch_verifier, said_by
place, worker = sys.argv[1:]
gallery = Gallery.open(place, pitch_verifier())
utterances = [said_by("Ann", seed, seconds=1.2) for seed in range(3)]
for number in range(10_000):
    name = f"{worker} {number}"
    gallery.enrol(name, utterances)
    print(name, flush=True)
"""


def start(place, worker):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(TESTS)])}
    command = [sys.executable, "-c", ENROL, place, worker]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_what_is_acknowledged_outlives_a_kill_and_nothing_is_half_there(place):
    """Two at a time make the gallery and write to it, and both are killed within it."""
    acknowledged = []
    for kill in range(2):
        workers = [start(place, f"worker {kill}.{each}") for each in range(2)]
        for worker in workers:
            acknowledged += [worker.stdout.readline().strip() for _ in range(5)]
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
        for worker in workers:
            acknowledged += worker.stdout.read().split("\n")[:-1]
            worker.stdout.close()
            worker.wait()
    with Gallery.open(place) as gallery:
        told = gallery.speakers()
        assert {each.name for each in told} >= set(acknowledged)
        assert {each.utterances for each in told} == {3}
        enrolled = [each for each in gallery.changes() if each.action == "enrolled"]
        assert len(enrolled) == len(told)
    assert len(acknowledged) >= 20


def test_many_that_make_a_gallery_at_once_make_one(place):
    failed = []

    def make(barrier):
        barrier.wait()
        try:
            Gallery.open(place).close()
        except GalleryError as error:
            failed.append(error)

    barrier = threading.Barrier(8)
    threads = [threading.Thread(target=make, args=(barrier,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with Gallery.open(place) as gallery:
        assert [each.action for each in gallery.changes()] == ["made"]


def test_who_comes_while_another_makes_the_file_waits_for_it(tmp_path):
    """SQLite itself does not, at this one moment: without a timeout of its own it never does."""
    holder = sqlite3.connect(tmp_path / "g.sqlite", isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    waiting = sqlite3.connect(tmp_path / "g.sqlite", isolation_level=None, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        waiting.execute("PRAGMA journal_mode = WAL")
    timer = threading.Timer(0.2, holder.close)
    timer.start()
    module._log_ahead(waiting)
    assert waiting.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    timer.join()
    waiting.close()


def test_an_index_that_others_make_is_kept_up_to_date(postgresql_place, verifier):
    """The SQL of the page on galleries, for voiceprints of another size."""
    page = (TESTS.parent / "docs" / "gallery.md").read_text(encoding="utf-8")
    [sql] = re.findall(r"```sql\n(.*?)```", page, flags=re.DOTALL)
    index, search, _ = sql.replace("192", "8").split(";")
    with Gallery.open(postgresql_place, verifier) as gallery:
        gallery.enrol("Ann", said_by("Ann", 1))
        with gallery.database.writing() as connection:
            connection.exec_driver_sql(index)
        gallery.enrol("Bob", said_by("Bob", 1))
        heard = gallery.voiceprint(said_by("Bob", 2)).vector
        assert gallery.identify(said_by("Bob", 2)).matches[0].speaker == "Bob"

        def closest():
            query = search.replace("[…]", str(heard.tolist()))
            with gallery.database.reading() as connection:
                connection.exec_driver_sql("SET enable_seqscan = off")
                plan = connection.exec_driver_sql(f"EXPLAIN {query}").scalars().all()
                assert any("Index Scan" in line for line in plan)
                return connection.exec_driver_sql(query).scalars().all()

        assert closest() == [2, 1]
        gallery.delete("Bob")
        assert closest() == [1]


def test_an_older_state_that_is_restored_is_read_anew(tmp_path, verifier):
    """Numbers are given once more then: by these alone Bob would be taken for Ann."""
    place, kept = tmp_path / "g.sqlite", tmp_path / "kept.sqlite"

    def copy(source, target):
        with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
            here.backup(there)

    with Gallery.open(place, verifier) as gallery:
        copy(place, kept)
        gallery.enrol("Ann", said_by("Ann", 1))
        ann = gallery.voiceprint(said_by("Ann", 2))
        assert gallery.identify(ann).speaker == "Ann"
        copy(kept, place)
        with Gallery.open(place, verifier) as other:
            other.enrol("Bob", said_by("Bob", 1))
        assert gallery.verify_claim("Bob", ann).accepted is False
        assert gallery.identify(said_by("Bob", 2)).speaker == "Bob"
        copy(kept, place)
        assert gallery.identify(ann).matches == ()


@pytest.mark.parametrize("replaced", [True, False])
def test_a_file_that_is_replaced_or_deleted_is_not_gone_on_with(tmp_path, verifier, replaced):
    place = tmp_path / "g.sqlite"
    with Gallery.open(place, verifier) as gallery:
        gallery.enrol("Ann", said_by("Ann", 1))
        ann = gallery.voiceprint(said_by("Ann", 2))
        gallery.export(tmp_path / "other.sqlite")
        if replaced:
            (tmp_path / "other.sqlite").replace(place)
        else:
            place.unlink()
        for act in (
            lambda: gallery.verify_claim("Ann", ann),
            lambda: gallery.enrol("Bob", said_by("Bob", 1)),
            lambda: gallery.delete("Ann"),
            gallery.counts,
            gallery.decides,
        ):
            with pytest.raises(GalleryUnavailableError, match="replaced or deleted"):
                act()


def test_settings_of_two_at_once_are_both_kept(place, verifier):
    with Gallery.open(place, verifier) as one, Gallery.open(place, verifier) as other:
        one.alter(lambda settings: settings.model_copy(update={"threshold": 0.4}))
        kept = other.alter(lambda settings: settings.model_copy(update={"keep_audio": True}))
        assert (kept.threshold, kept.keep_audio) == (0.4, True)
        assert one.decides()
        other.alter(lambda settings: settings.for_other_scores())
        # Told as it is now, not as it was read.
        assert one.decides()
        one.set_cohort(np.random.default_rng(0).standard_normal((4, 8)), ["a", "a", "b", "b"])
        assert not other.decides()
        changes = len(one.changes())
        other.alter(lambda settings: settings)
        assert len(one.changes()) == changes


def test_a_gallery_that_another_brought_to_its_model_says_so(place, verifier):
    with Gallery.open(place, verifier) as gallery:
        assert gallery.decides()
        with Gallery.open(place, pitch_verifier(digest="b" * 32)) as other:
            other.enrol("Ann", said_by("Ann", 1))
        with pytest.raises(GalleryError, match="are of the model bbbbbbbb"):
            gallery.decides()


def test_who_could_not_be_erased_yet_is_erased_by_the_next_deletion(place, verifier, monkeypatch):
    with Gallery.open(place, verifier) as gallery:
        gallery.enrol("Ann", said_by("Ann", 1))
        erased, erase = [], gallery.database.erase

        def held():
            raise GalleryUnavailableError("in use")

        monkeypatch.setattr(gallery.database, "erase", held)
        with pytest.raises(GalleryUnavailableError, match="gone from the gallery, but not from"):
            gallery.delete("Ann")
        assert not gallery.speakers()
        monkeypatch.setattr(gallery.database, "erase", lambda: erased.append(erase()))
        for _ in range(2):
            with pytest.raises(UnknownSpeakerError):
                gallery.delete("Ann")
            assert len(erased) == 1


def test_nobody_waits_long_behind_a_deletion_that_waits(postgresql_place, verifier):
    """Who wants a table for itself alone, as a deletion does, has others queue behind it."""
    with Gallery.open(postgresql_place, verifier) as gallery:
        gallery.enrol("Ann", said_by("Ann", 1))
        deletion = threading.Thread(target=gallery.delete, args=("Ann",))
        with gallery.database.reading() as backup:
            backup.execute(text("SELECT count(*) FROM voiceprints"))
            deletion.start()
            for _ in range(5):
                with gallery.database.reading() as reader:
                    # Far less than the deletion may wait in all.
                    reader.execute(text("SET LOCAL lock_timeout = '10s'"))
                    reader.execute(text("SELECT count(*) FROM voiceprints"))
                time.sleep(0.2)
            assert deletion.is_alive()
        deletion.join(60)
        assert not gallery.speakers()

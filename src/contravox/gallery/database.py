"""Where a gallery is kept: a file of SQLite, or a database of PostgreSQL.

Writers take turns, so that the changes of a gallery have one order; readers see the state after one
of them and wait for nobody. What is acknowledged is on the disk.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    inspect,
    make_url,
    select,
    table,
    text,
)
from sqlalchemy import column as sql_column
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from contravox.errors import GalleryError, GalleryUnavailableError, brief
from contravox.extras import optional_packages
from contravox.gallery.failures import failure
from contravox.gallery.tables import VERSION, VERSION_TABLE, metadata

BUSY_SECONDS = 30
"""How long a writer waits for its turn."""

LOCK = 0x636F6E747261
"""Of PostgreSQL's advisory locks, the one that writers hold; any number that others do not use."""

WAITING = 1
"""Seconds for which others may wait behind who waits for a table of PostgreSQL alone."""

LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's state for a lock that was not had in time."""

LOGS = ("-wal", "-shm", "-journal")
"""How the names of the files end that SQLite puts beside one that is used."""

SQLITE_HEADER = b"SQLite format 3\0"


def database_url(place: str | Path) -> URL:
    """The URL of a gallery at a path or a URL.

    Raises GalleryError where it is neither of SQLite nor of PostgreSQL.
    """
    if isinstance(place, Path) or "://" not in place:
        return URL.create("sqlite", database=str(place))
    try:
        url = make_url(place)
        name = url.get_backend_name()
    except (ArgumentError, ValueError) as error:
        # The URL itself is not shown: there may be a password in it.
        raise GalleryError(
            "the gallery's URL cannot be read: give a path, or postgresql://user@host/database"
        ) from error
    if name == "sqlite":
        if not url.database or url.database == ":memory:":
            raise GalleryError("a gallery in memory would be gone with its process: give a path")
        return URL.create("sqlite", database=url.database)
    if name in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise GalleryError(
        f"{brief(name)}: not a database that keeps a gallery: give a path, or postgresql://…"
    )


def is_there(place: str | Path) -> bool:
    """Whether there is a file of a gallery, or its place is a server's. Raises GalleryError."""
    url = database_url(place)
    return url.get_backend_name() != "sqlite" or Path(str(url.database)).exists()


def take_away(place: str | Path) -> None:
    """Delete the file of a gallery that is closed, unless somebody else uses it."""
    file = Path(str(database_url(place).database))
    if not any(Path(f"{file}{ending}").exists() for ending in LOGS):
        file.unlink(missing_ok=True)


class Database:
    """name: the place, for messages, without a password."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.name = str(url.database) if self.in_file else url.render_as_string(hide_password=True)
        self._engine = _sqlite(url) if self.in_file else _postgresql(url)
        self._file = self._number_of_file()

    @property
    def in_file(self) -> bool:
        """Whether it is of SQLite."""
        return self.url.get_backend_name() == "sqlite"

    @classmethod
    def open(cls, place: str | Path, *, create: bool) -> "Database":
        """Open a gallery's database; bring one of an older version up to this.

        create: make a gallery where there is none.

        Raises GalleryError where there is no gallery, but none that can be read: another program's,
        of a newer version, damaged; GalleryUnavailableError where the database does not answer.
        """
        url = database_url(place)
        if url.get_backend_name() == "sqlite":
            _check_file(Path(str(url.database)), create)
        database = cls(url)
        try:
            database._bring_up_to_date(create)
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        self._engine.dispose()

    def _number_of_file(self) -> tuple[int, int] | None:
        """What tells the file from one that takes its place; None where there is none."""
        if not self.in_file:
            return None
        try:
            status = os.stat(str(self.url.database))
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _refuse_another_file(self) -> None:
        """Raise GalleryUnavailableError where the file was replaced or deleted since it was opened.

        Connections of before would go on with what is no longer there, and lose what is enrolled.
        """
        number = self._number_of_file()
        if self._file is None:
            self._file = number
        if number != self._file:
            raise GalleryUnavailableError(
                f"{self.name}: was replaced or deleted while it was open: start anew what uses it"
            )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database."""
        self._refuse_another_file()
        with self._failures():
            engine = self._engine
            if not self.in_file:
                engine = engine.execution_options(isolation_level="REPEATABLE READ")
            with engine.begin() as connection:
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection whose changes are kept, all or none; no other writes meanwhile."""
        self._refuse_another_file()
        engine = self._engine.execution_options(writes=True)
        with self._failures(), engine.begin() as connection:
            if not self.in_file:
                connection.execute(text(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
            yield connection

    def erase(self) -> None:
        """Take what was deleted out of the files too.

        SQLite writes its file anew and empties the log beside it. PostgreSQL writes its tables
        anew; its own log and its backups are for who runs it.

        Raises GalleryUnavailableError where others use the database for too long.
        """
        with self._failures():
            if self.in_file:
                self._erase_file()
            else:
                self._erase_tables()

    def leave_one_file(self) -> None:
        """Keep no log beside the file, so that it can be moved by itself."""
        connection = self._engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode = DELETE")
        finally:
            connection.close()

    def _erase_file(self) -> None:
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            # What is deleted is overwritten with zeros, but a page that was once split still holds
            # copies of what was moved from it.
            cursor.execute("VACUUM")
            [(busy, *_)] = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()
        if busy:
            raise failure(self.name, sqlite3.OperationalError("others still read what was deleted"))

    def _erase_tables(self) -> None:
        """Write PostgreSQL's tables anew, each once nobody reads it.

        All who want to read wait behind who waits for a table alone; so that is never for long.
        """
        autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        deadline = time.monotonic() + BUSY_SECONDS
        with autocommit.connect() as connection:
            connection.execute(text(f"SET lock_timeout = '{WAITING}s'"))
            try:
                for each in metadata.sorted_tables:
                    while True:
                        try:
                            connection.execute(text(f"VACUUM (FULL) {each.name}"))
                            break
                        except DBAPIError as error:
                            held = getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE
                            if not held or time.monotonic() > deadline:
                                raise
                            time.sleep(WAITING)
            finally:
                connection.invalidate()

    def _bring_up_to_date(self, create: bool) -> None:
        with self.reading() as connection:
            version = self._version(connection)
        if version == VERSION:
            return
        if version is None and not create:
            raise GalleryError(
                f"{self.name}: holds no gallery: `contravox enrol` makes one; or is another meant?"
            )
        from contravox.gallery.migrations import known_versions, migrate

        if version is not None and version not in known_versions():
            raise GalleryError(
                f"{self.name}: of version {brief(version, 20)}, this contravox knows {VERSION} and "
                "older: install the contravox that wrote it, or a newer one"
            )
        with self.writing() as connection:
            # Another process may have been quicker.
            if self._version(connection) != VERSION:
                migrate(connection)

    def _version(self, connection: Connection) -> str | None:
        """Of the tables that are there; None where there are none. Raises GalleryError."""
        names = inspect(connection).get_table_names()
        if not names:
            return None
        if VERSION_TABLE in names:
            version = table(VERSION_TABLE, sql_column("version_num"))
            found = connection.execute(select(version)).scalars().all()
            if len(found) == 1:
                return str(found[0])
        raise GalleryError(
            f"{self.name}: holds tables of another program, such as {brief(sorted(names)[0], 40)}: "
            "give a database that is for the gallery alone"
        )

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Say of what SQLAlchemy raises what helps."""
        try:
            yield
        except DBAPIError as error:
            raise failure(self.name, cast(Exception, error.orig)) from error
        except sqlite3.Error as error:
            raise failure(self.name, error) from error
        except SQLAlchemyError as error:
            raise GalleryError(f"{self.name}: {brief(str(error), 200)}") from error


def _check_file(path: Path, create: bool) -> None:
    """Raise GalleryError unless the file is one of SQLite, or may be made."""
    try:
        if path.parent.exists() and not path.parent.is_dir():
            raise GalleryError(f"{path.parent}: is not a folder: name another for the gallery")
        if not path.exists() or (create and path.is_file() and not path.stat().st_size):
            if not create:
                raise GalleryError(
                    f"{path}: there is no gallery: `contravox enrol` makes one; or is another "
                    "meant? Pass --gallery"
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            # Voiceprints are their owner's only, and so are the files that SQLite puts beside.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            return
        if not path.is_file():
            raise GalleryError(f"{path}: is not a regular file: name a file for the gallery")
        with open(path, "rb") as file:
            header = file.read(len(SQLITE_HEADER))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise GalleryError(
            f"{path}: cannot be opened ({reason}): give yourself the right to, or pass --gallery"
        ) from error
    except ValueError as error:
        raise GalleryError(f"{brief(ascii(str(path)), 60)}: is no name of a file") from error
    if header != SQLITE_HEADER:
        raise GalleryError(
            f"{path}: is no gallery, but another kind of file: pass another --gallery"
        )


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: Any) -> None:
        # The transactions are begun below, not by Python's module when it thinks fit.
        connection.isolation_level = None
        _log_ahead(connection)
        for pragma in (
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            # Of a file that somebody else made, nothing is run.
            "trusted_schema = OFF",
            "cell_size_check = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A reader that became a writer could find that another was quicker.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Let readers and a writer work at once, by a log beside the file.

    Of processes that make a gallery at the same moment one gets the file for that, and SQLite does
    not wait for it, as it does elsewhere.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorname.startswith("SQLITE_BUSY")
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _postgresql(url: URL) -> Engine:
    with optional_packages("PostgreSQL"):
        import pgvector  # noqa: F401
        import psycopg  # noqa: F401
    # A connection that the server has closed meanwhile is replaced before it is used.
    return create_engine(
        url,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 10, "application_name": "contravox"},
    )

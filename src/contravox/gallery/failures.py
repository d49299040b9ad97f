"""What a database reports, in one line that says what helps."""

import sqlite3

from contravox.errors import GalleryError, GalleryUnavailableError, brief

_SQLITE = {
    "SQLITE_FULL": "cannot be written (the disk is full): make room",
    "SQLITE_READONLY": "cannot be written (it is read-only): give yourself the right to",
    "SQLITE_CANTOPEN": "cannot be opened, or no file made beside it: give yourself the right to",
    "SQLITE_PERM": "cannot be opened: give yourself the right to",
    "SQLITE_AUTH": "cannot be opened: give yourself the right to",
    "SQLITE_CORRUPT": "is damaged: restore a copy, or import an export into a new one",
    "SQLITE_NOTADB": "is damaged, or no gallery: restore a copy, or pass another --gallery",
}
"""By the beginning of SQLite's name of the error."""

_POSTGRESQL = {
    "53100": "the disk is full: make room",
    "42501": "the user lacks the right: grant it, or give another in the URL",
    "3D000": "there is no such database: create it with `createdb`",
    "28": "the user or the password is not accepted: look at the URL",
    "XX001": "the database is damaged: restore a copy",
    "XX002": "the database is damaged: restore a copy",
    "0A000": "PostgreSQL has no pgvector: install it on the server",
    "58P01": "PostgreSQL has no pgvector: install it on the server",
}
"""By the beginning of the SQLSTATE."""

_PASSING = ("08", "57P", "53300", "55P03", "40001", "40P01", "25006")
"""Of the SQLSTATEs, what may go by itself: no connection, shutting down, a lock held too long."""


def failure(name: str, error: Exception) -> GalleryError:
    """The error to raise for one of the driver.

    name: of the database, for the message.
    """
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(name, error)
    state = getattr(error, "sqlstate", None)
    said = brief(str(error).strip(), 160)
    # A connection that could not be made has no state; that its password is wrong stands in words.
    if state is None and "authentication failed" in str(error):
        state = "28"
    if state is None and "does not exist" in str(error):
        state = "3D000"
    if state is None or state.startswith(_PASSING):
        return GalleryUnavailableError(
            f"{name}: PostgreSQL does not answer ({said}): try again, or look whether it runs"
        )
    for beginning, reason in _POSTGRESQL.items():
        if state.startswith(beginning):
            return GalleryError(f"{name}: {reason}")
    return GalleryError(f"{name}: PostgreSQL refuses ({said}): look at its log")


def damaged(name: str, what: str) -> GalleryError:
    """The error to raise where the database holds what contravox never writes."""
    return GalleryError(
        f"{name}: is damaged ({what}): restore a copy, or import an export into a new one"
    )


def _of_sqlite(name: str, error: sqlite3.Error) -> GalleryError:
    code = getattr(error, "sqlite_errorname", "") or ""
    for beginning, reason in _SQLITE.items():
        if code.startswith(beginning):
            return GalleryError(f"{name}: {reason}")
    if code.startswith("SQLITE_IOERR"):
        return GalleryError(f"{name}: the disk fails ({code}): look at it, and at the space left")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or not code:
        return GalleryUnavailableError(
            f"{name}: in use by another process for too long ({error}): try again"
        )
    return GalleryError(f"{name}: SQLite refuses ({brief(str(error), 160)}, {code})")

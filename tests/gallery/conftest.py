"""Both databases: every test of a gallery runs on a file of SQLite and on a PostgreSQL of ours."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from databases import new_database, postgresql_server
from voices import pitch_verifier


@pytest.fixture(scope="session")
def postgresql():
    server = postgresql_server()
    yield server
    server.cleanup()


@pytest.fixture
def postgresql_place(postgresql):
    """The URL of an empty database."""
    place = new_database(postgresql)
    yield place
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgresql.get_uri(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {make_url(place).database} WITH (FORCE)")


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

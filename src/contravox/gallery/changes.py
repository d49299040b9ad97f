"""The log of changes: who changed what and when, and what another process must read anew.

It holds no name, no audio and no voiceprint, so that it can be kept when a speaker is deleted.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection, insert, select

from contravox.gallery.results import Change
from contravox.gallery.tables import changes

Action = Literal["made", "enrolled", "deleted", "imported", "re-embedded", "configured"]

OF_ALL = ("re-embedded", "configured")
"""Changes after which nothing that was read before is true."""


def now() -> str:
    """The moment, UTC, as 2026-11-26T22:14:43Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def note_change(
    connection: Connection,
    by: str,
    action: Action,
    speaker: int | None = None,
    voiceprints: int = 0,
) -> None:
    """Add an entry, in the transaction of the change itself."""
    note_changes(connection, by, action, [(speaker, voiceprints)])


def note_changes(
    connection: Connection, by: str, action: Action, of: Sequence[tuple[int | None, int]]
) -> None:
    """Add entries for many speakers, each with how many of their voiceprints came or went."""
    # To the microsecond: by the whole entry two states of a gallery are told apart.
    at = datetime.now(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
    if of:
        connection.execute(
            insert(changes),
            [
                {"at": at, "by": by, "action": action, "speaker": speaker, "voiceprints": count}
                for speaker, count in of
            ],
        )


def last_change(connection: Connection) -> Change | None:
    """The newest entry, or None where there is none."""
    row = connection.execute(select(changes).order_by(changes.c.number.desc()).limit(1)).first()
    return None if row is None else Change(*row)


def changes_since(connection: Connection, number: int, most: int | None = None) -> list[Change]:
    """The entries after one, in their order; of very many, the first ``most``."""
    query = select(changes).where(changes.c.number > number).order_by(changes.c.number)
    return [Change(*row) for row in connection.execute(query.limit(most))]

"""Who is enrolled, and by what."""

from sqlalchemy import Connection, func, select

from contravox.gallery.results import EnrolledSpeaker, EnrolledUtterance
from contravox.gallery.tables import recordings, speakers, voiceprints


def list_speakers(connection: Connection, after: str, most: int | None) -> list[EnrolledSpeaker]:
    """So many speakers whose names come after one, by name; all for None."""
    query = (
        select(
            speakers.c.name,
            func.count(voiceprints.c.id),
            func.coalesce(func.sum(voiceprints.c.speech_seconds), 0.0),
            func.count(recordings.c.voiceprint),
            speakers.c.created,
            func.coalesce(func.max(voiceprints.c.created), speakers.c.created),
        )
        .select_from(speakers.outerjoin(voiceprints).outerjoin(recordings))
        .where(speakers.c.name > after)
        .group_by(speakers.c.id, speakers.c.name, speakers.c.created)
        .order_by(speakers.c.name)
        .limit(most)
    )
    return [EnrolledSpeaker(*row) for row in connection.execute(query)]


def list_utterances(connection: Connection, speaker: int) -> list[EnrolledUtterance]:
    """The utterances of a speaker, by number, the oldest first."""
    query = (
        select(
            voiceprints.c.created,
            voiceprints.c.seconds,
            voiceprints.c.speech_seconds,
            recordings.c.voiceprint.is_not(None),
        )
        .select_from(voiceprints.outerjoin(recordings))
        .where(voiceprints.c.speaker == speaker)
        .order_by(voiceprints.c.id)
    )
    return [EnrolledUtterance(*row) for row in connection.execute(query)]


def count_rows(connection: Connection) -> dict[str, int]:
    """How many speakers and voiceprints there are, by these words."""
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in (speakers, voiceprints)
    }

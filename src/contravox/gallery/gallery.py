"""Enrolled speakers: claims verified and unknown voices identified."""

import getpass
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, insert, select, update

from contravox.audio.given import Audio
from contravox.audio.waveform import Channel
from contravox.errors import (
    GalleryError,
    GalleryUnavailableError,
    GalleryWarning,
    ScoringError,
    UnknownSpeakerError,
    quoted,
)
from contravox.gallery.changes import changes_since, last_change, note_change, now
from contravox.gallery.database import Database
from contravox.gallery.deciding import EVEN, open_set_posteriors, rule_of
from contravox.gallery.enrolling import add_utterances, take_utterances
from contravox.gallery.failures import damaged
from contravox.gallery.listing import count_rows, list_speakers, list_utterances
from contravox.gallery.memory import Memory
from contravox.gallery.names import speaker_name
from contravox.gallery.re_embedding import re_embed
from contravox.gallery.results import (
    Change,
    Claim,
    EnrolledSpeaker,
    EnrolledUtterance,
    Enrolment,
    Identification,
    Match,
    Transfer,
)
from contravox.gallery.settings import GallerySettings
from contravox.gallery.storing import (
    claim_model,
    find_speaker,
    forget_decision,
    other_model,
    read_settings,
)
from contravox.gallery.tables import cohort, galleries, speakers, voiceprints
from contravox.gallery.transfer import export_gallery, import_gallery
from contravox.gallery.voices import Compared
from contravox.inference.deciding import Prior, Rule
from contravox.inference.voiceprint import Voiceprint
from contravox.metrics.decision import posterior
from contravox.scoring.cohort import cohort_vectors
from contravox.scoring.group_means import Speakers

if TYPE_CHECKING:
    from contravox.inference.verifier import Verifier


class Gallery:
    """Enrolled speakers, in a file of SQLite or a database of PostgreSQL.

    Several threads may use one, and several processes one database.

        gallery = Gallery.open("gallery.sqlite", Verifier.load("model.onnx"))
        gallery.enrol("Ann", ["ann/1.wav", "ann/2.wav"])
        gallery.identify("who.wav").speaker  # 'Ann'
    """

    def __init__(self, database: Database, verifier: "Verifier | None", by: str) -> None:
        self.database = database
        self.by = by
        self._verifier = verifier
        self._memory = Memory(database.name)
        self._lock = threading.Lock()
        self._unclean = False

    @classmethod
    def open(
        cls,
        place: str | Path,
        verifier: "Verifier | None" = None,
        *,
        settings: GallerySettings | None = None,
        create: bool = True,
        by: str | None = None,
    ) -> "Gallery":
        """Open a gallery, or make one.

        place: a path, or a URL such as ``postgresql://user@host/database``. verifier: whose model
        makes the voiceprints; without one there is no enrolling, verifying and identifying.
        settings: of a new gallery; one that is there has its own, see ``configure``. create: make
        one where there is none. by: who makes changes, for the log; the user of the system by
        default.

        Raises GalleryError where there is something else, the gallery is of another model or of a
        newer contravox; GalleryUnavailableError where its database does not answer;
        MissingExtraError where a package is not installed.
        """
        if verifier is not None and verifier.model.settings.comparison != "cosine":
            raise GalleryError(
                f"a gallery compares by the cosine, and the model is made for "
                f"{verifier.model.settings.comparison}: use another model"
            )
        database = Database.open(place, create=create)
        gallery = cls(database, verifier, by or _user())
        try:
            gallery._prepare(settings)
        except BaseException:
            database.close()
            raise
        return gallery

    def _prepare(self, settings: GallerySettings | None) -> None:
        with self.database.reading() as connection:
            there = connection.execute(select(galleries.c.id)).first() is not None
        if not there:
            with self.database.writing() as connection:
                if connection.execute(select(galleries.c.id)).first() is None:
                    kept = (settings or GallerySettings()).model_dump_json()
                    connection.execute(insert(galleries).values(id=1, created=now(), settings=kept))
                    note_change(connection, self.by, "made")
        with self.database.reading() as connection:
            self._memory.look(connection)
        if settings is not None and settings != self.settings:
            raise GalleryError(
                f"{self.database.name}: is there with other settings: leave them out, or change "
                "them with `contravox gallery settings`"
            )
        self._check_model()

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> "Gallery":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def settings(self) -> GallerySettings:
        """As they were when the gallery was last read."""
        return self._memory.settings

    @property
    def model(self) -> str | None:
        """The digest of the model whose voiceprints there are; None while there are none."""
        return self._memory.model

    def configure(self, settings: GallerySettings, *, by: str | None = None) -> None:
        """Change the settings."""
        self.alter(lambda _: settings, by=by)

    def alter(
        self, change: Callable[[GallerySettings], GallerySettings], *, by: str | None = None
    ) -> GallerySettings:
        """Change the settings from what they are at that moment; gives what they are then."""
        with self.database.writing() as connection:
            before = read_settings(connection, self.database.name)
            after = change(before)
            if after != before:
                connection.execute(update(galleries).values(settings=after.model_dump_json()))
                note_change(connection, by or self.by, "configured")
            self._memory.look(connection)
        return after

    def voiceprint(
        self,
        audio: Audio,
        name: str = "audio",
        *,
        channel: Channel = "mean",
        allow_unfit: bool = False,
    ) -> Voiceprint:
        """Embed a recording; what ``verify_claim`` and ``identify`` take in its stead.

        See ``Verifier.embed``. Raises AudioError.
        """
        return self.verifier.embed(audio, name, channel=channel, allow_unfit=allow_unfit)

    def enrol(
        self,
        name: str,
        audio: Audio | Sequence[Audio],
        *,
        channel: Channel = "mean",
        allow_outliers: bool = False,
        allow_unfit: bool = False,
        by: str | None = None,
    ) -> Enrolment:
        """Add utterances to a speaker, who may be new. All are added, or none.

        A recording whose very voiceprint is there already is not added again, so that a call can
        be repeated. allow_outliers: add utterances that do not sound like the others too.
        allow_unfit: and those with too little speech.

        Raises SpeakerNameError, AudioError; OutlierError, which names the utterances.
        """
        name = speaker_name(name)
        with self._lock, self.database.reading() as connection:
            self._memory.look(connection)
        kept = self.settings.keep_audio
        taken = take_utterances(
            self.verifier, audio, keep_audio=kept, channel=channel, allow_unfit=allow_unfit
        )
        with self.database.writing() as connection:
            model = self.verifier.model
            claim_model(connection, self.database.name, model.digest, model.embedding_size)
            return add_utterances(
                connection,
                name,
                taken,
                model,
                self._rule_of_outliers(connection),
                by or self.by,
                allow_outliers=allow_outliers,
                allow_unfit=allow_unfit,
            )

    def _rule_of_outliers(self, connection: Connection) -> Rule:
        """By which utterances of one speaker are held against each other, as they are.

        That is what the model knows of that, or else the gallery, if it is of such scores.
        """
        rule = Rule.of(self.verifier.model.settings)
        if rule.source is not None or _has_cohort(connection):
            return rule
        return rule_of(self.verifier.model.settings, self.settings)

    def verify_claim(
        self,
        name: str,
        audio: Audio | Voiceprint,
        *,
        threshold: float | None = None,
        prior: Prior | None = None,
        channel: Channel = "mean",
        allow_unfit: bool = False,
    ) -> Claim:
        """Is this recording of the speaker of that name?

        Decided as ``Verifier.verify`` does. threshold: decides in the model's or gallery's stead.
        prior: even, and errors cost alike, by default.

        Raises UnknownSpeakerError, SpeakerNameError, AudioError; ScoringError for a threshold that
        is not finite, or a prior where nothing is calibrated.
        """
        name = speaker_name(name)
        heard = self._heard(audio, channel, allow_unfit)
        with self._compared(heard, threshold, prior) as (connection, compared, rule):
            speaker = find_speaker(connection, name)
            if speaker is None:
                raise _unknown_speaker(self.database.name, name)
            place = compared.place_of(speaker)
            if place is None:
                raise damaged(self.database.name, "a speaker has no voiceprint")
            others = [each for each in compared.closest(2, by_score=True) if each != place]
            score = float(compared.scores[place])
            margin = score - float(compared.scores[others[0]]) if others else None
            ratio = None if compared.ratios is None else float(compared.ratios[place])
        prior = prior or Prior()
        probability = None if ratio is None else float(posterior(ratio, prior.p_target))
        return Claim(
            threshold=rule.threshold,
            decided_by=rule.source,
            speech_seconds=heard.quality.speech_seconds,
            warnings=heard.warnings,
            accepted=rule.accepts(score, ratio, prior),
            match=Match(name, score, ratio, probability),
            margin=margin,
        )

    def identify(
        self,
        audio: Audio | Voiceprint,
        *,
        top: int = 5,
        threshold: float | None = None,
        known: float | None = None,
        channel: Channel = "mean",
        allow_unfit: bool = False,
    ) -> Identification:
        """Whose recording is this, if it is of anybody enrolled?

        With a calibration the most probable of all speakers and nobody is the answer (see
        ``open_set_posteriors``); by a threshold, the closest speaker who reaches it: the more are
        enrolled, the more often a stranger reaches it with one of them.

        top: how many of the closest speakers to tell. threshold: decides in the model's or
        gallery's stead. known: how probable it is, before listening, that somebody enrolled speaks;
        even by default.

        Raises AudioError; ScoringError for a threshold that is not finite, or ``known`` where
        nothing is calibrated.
        """
        heard = self._heard(audio, channel, allow_unfit)
        with self._compared(heard, threshold, known) as (connection, compared, rule):
            posteriors, nobody = None, None
            if compared.ratios is not None:
                posteriors, nobody = open_set_posteriors(
                    compared.ratios, EVEN if known is None else known
                )
            places = compared.closest(max(top, 2), by_score=rule.threshold is not None)
            matches = _matches(connection, compared, places, posteriors)
            if len(matches) < len(places):
                raise damaged(self.database.name, "a voiceprint has no speaker")
        first = matches[0] if matches else None
        recognised = False
        if first is not None and rule.threshold is not None:
            recognised = first.score >= rule.threshold
        elif first is not None and first.probability is not None and nobody is not None:
            recognised = first.probability > nobody
        return Identification(
            threshold=rule.threshold,
            decided_by=rule.source,
            speech_seconds=heard.quality.speech_seconds,
            warnings=heard.warnings,
            speaker=first.speaker if first is not None and recognised else None,
            decided=rule.source is not None or not matches,
            nobody=nobody,
            matches=matches[:top],
            margin=matches[0].score - matches[1].score if len(matches) > 1 else None,
        )

    def speakers(self, *, after: str = "", most: int | None = None) -> list[EnrolledSpeaker]:
        """Who is enrolled, by name. after, most: of very many, so many after a name."""
        with self.database.reading() as connection:
            return list_speakers(connection, after, most)

    def utterances(self, name: str) -> list[EnrolledUtterance]:
        """By what a speaker is enrolled, the oldest first.

        Raises UnknownSpeakerError, SpeakerNameError.
        """
        name = speaker_name(name)
        with self.database.reading() as connection:
            speaker = find_speaker(connection, name)
            if speaker is None:
                raise _unknown_speaker(self.database.name, name)
            return list_utterances(connection, speaker)

    def counts(self) -> dict[str, int]:
        """How many speakers and voiceprints there are, by these words."""
        with self.database.reading() as connection:
            return count_rows(connection)

    def delete(self, *names: str, by: str | None = None) -> None:
        """Forget speakers: their voiceprints and recordings are gone from the files too.

        All of them, or where one is not there, none. SQLite's file is written anew for it, which
        takes a while where it is large: give several names at once.

        Raises UnknownSpeakerError; GalleryUnavailableError where others use the database for so
        long that the files could not be cleaned: the speakers are deleted, and the next deletion
        cleans up, of whomever, even of nobody who is there.
        """
        wanted = [speaker_name(name) for name in names]
        if self._unclean:
            self._erase()
        with self.database.writing() as connection:
            for name in dict.fromkeys(wanted):
                speaker = find_speaker(connection, name)
                if speaker is None:
                    raise _unknown_speaker(self.database.name, name)
                count = connection.execute(
                    select(func.count()).where(voiceprints.c.speaker == speaker)
                ).scalar_one()
                connection.execute(delete(speakers).where(speakers.c.id == speaker))
                note_change(connection, by or self.by, "deleted", speaker, count)
        with self._lock:
            if self._memory.voices is not None:
                with self.database.reading() as connection:
                    self._memory.follow(connection)
        self._erase()

    def _erase(self) -> None:
        self._unclean = True
        try:
            self.database.erase()
        except GalleryUnavailableError as error:
            raise GalleryUnavailableError(
                f"{error}: who was deleted is gone from the gallery, but not from its files yet: "
                "delete again, or anybody else, to clean them"
            ) from error
        self._unclean = False

    def export(self, path: str | Path, *, audio: bool = False, force: bool = False) -> Transfer:
        """Write all speakers to a file, which is a gallery of SQLite and can be used as one.

        audio: the recordings that are kept too. force: replace a file that is there.

        Raises OutputError.
        """
        path = Path(path)

        def make(place: Path) -> Database:
            made = Gallery.open(place, by=self.by)
            return made.database

        return export_gallery(self.database, path, make, self.by, audio=audio, force=force)

    def import_(self, place: str | Path, *, audio: bool = False, by: str | None = None) -> Transfer:
        """Take the speakers of another gallery in, of the same model; all of them, or none.

        Speakers of one name are one, and a voiceprint that is there already is not added again.
        place: a path or URL. audio: keep the recordings that it has too.

        Raises GalleryError where it is no gallery, another model's, or damaged.
        """
        source = Database.open(place, create=False)
        try:
            transfer = import_gallery(source, self.database, by or self.by, audio=audio)
        finally:
            source.close()
        with self._lock, self.database.reading() as connection:
            self._memory.look(connection)
        self._check_model()
        return transfer

    def re_embed(
        self,
        verifier: "Verifier",
        *,
        drop: bool = False,
        by: str | None = None,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> int:
        """Bring the gallery to another model, by the recordings that it kept.

        A cohort, and the gallery's threshold and calibration, are forgotten: they were for other
        scores. Warns with GalleryWarning where there were any of the latter. By the gallery's own
        model nothing is forgotten or deleted, and what is kept is only embedded anew.

        drop: delete voiceprints of which no recording is kept, and speakers who have no others;
        they are refused otherwise. progress: called with the numbers done and in all.

        Returns how many voiceprints there are now. Raises GalleryError.
        """
        with self._lock, self.database.reading() as connection:
            self._memory.look(connection)
        decided = self.settings.decides and self.model != verifier.model.digest
        count = re_embed(self.database, verifier.model, by or self.by, drop=drop, progress=progress)
        self._verifier = verifier
        if decided:
            self._tell_forgotten()
        return count

    def _tell_forgotten(self) -> None:
        warnings.warn(
            f"{self.database.name}: its own threshold and calibration are forgotten, as they were "
            "for other scores: give it one anew, `contravox gallery settings --threshold`",
            GalleryWarning,
            stacklevel=3,
        )

    def set_cohort(self, embeddings: NDArray, of: Speakers, *, by: str | None = None) -> int:
        """Normalise scores from now on by AS-norm against speakers who are not enrolled.

        Of normalised scores the model's threshold and calibration say nothing: set the gallery's
        then, as those that it has are forgotten, with a GalleryWarning: they were for other scores.

        embeddings: (n, d) by the gallery's model, of training data; none, to normalise no more.
        of: (n,) the speaker of each.

        Returns how many members the cohort has: the mean of each speaker. Raises ScoringError.
        """
        members: Sequence[NDArray[np.float32]] = []
        if len(embeddings):
            members = list(cohort_vectors(embeddings, of))
        model = self.verifier.model
        if len(members) and members[0].shape != (model.embedding_size,):
            raise ScoringError(
                f"the cohort's embeddings are of {len(members[0])} numbers, the model's of "
                f"{model.embedding_size}: embed the cohort by this model"
            )
        with self.database.writing() as connection:
            claim_model(connection, self.database.name, model.digest, model.embedding_size)
            connection.execute(delete(cohort))
            if len(members):
                connection.execute(insert(cohort), [{"vector": each} for each in members])
            forgotten = forget_decision(connection, self.database.name)
            note_change(connection, by or self.by, "configured")
            self._memory.look(connection)
        if forgotten:
            self._tell_forgotten()
        return len(members)

    def decides(self) -> bool:
        """Whether the gallery or its model know from which score on it is the same speaker.

        Raises GalleryError where the gallery is of another model by now.
        """
        with self._lock, self.database.reading() as connection:
            self._memory.look(connection)
            normalised = _has_cohort(connection)
        self._check_model()
        rule = rule_of(self.verifier.model.settings, self.settings, normalised=normalised)
        return rule.source is not None

    def changes(self, since: int = 0, most: int | None = None) -> list[Change]:
        """The log: who changed what and when. It holds no name, audio or voiceprint."""
        with self.database.reading() as connection:
            return changes_since(connection, since, most)

    def last_change(self) -> int:
        """The number of the newest entry of the log; 0 where there is none."""
        with self.database.reading() as connection:
            last = last_change(connection)
        return 0 if last is None else last.number

    @property
    def verifier(self) -> "Verifier":
        """Whose model makes the voiceprints. Raises GalleryError where there is none."""
        if self._verifier is None:
            raise GalleryError(f"{self.database.name}: was opened without a model: give one")
        return self._verifier

    def _check_model(self) -> None:
        """Raise GalleryError where the voiceprints are another model's."""
        if self._verifier is not None and self.model is not None:
            given = self._verifier.model.digest
            if given != self.model:
                raise other_model(self.database.name, self.model, given)

    def _heard(self, audio: Audio | Voiceprint, channel: Channel, allow_unfit: bool) -> Voiceprint:
        if isinstance(audio, Voiceprint):
            return audio
        return self.voiceprint(audio, channel=channel, allow_unfit=allow_unfit)

    @contextmanager
    def _compared(
        self, heard: Voiceprint, threshold: float | None, prior: object
    ) -> Iterator[tuple[Connection, Compared, Rule]]:
        """A voiceprint beside all voices of this moment, and what decides.

        The voices do not change within the context.
        """
        with self._lock, self.database.reading() as connection:
            voices = self._memory.follow(connection)
            self._check_model()
            model = self.verifier.model.settings
            normalised = voices.normaliser is not None
            rule = rule_of(model, self.settings, normalised=normalised)
            if prior is not None and rule.calibration is None and self.settings.decides:
                raise ScoringError(
                    f"{self.database.name}: its own threshold decides, of which a prior and costs "
                    "say nothing: leave them out, or take it back by `contravox gallery settings "
                    "--no-threshold`"
                )
            rule = rule.given(threshold, prior)
            quality = heard.quality
            vector = heard.vector.astype(np.float32)
            compared = voices.compare(vector, quality.seconds, quality.bandwidth, rule.calibration)
            yield connection, compared, rule


def _has_cohort(connection: Connection) -> bool:
    return connection.execute(select(cohort.c.id).limit(1)).first() is not None


def _unknown_speaker(place: str, name: str) -> UnknownSpeakerError:
    return UnknownSpeakerError(
        f"{place}: {quoted(name, 40)} is not enrolled: see `contravox gallery list`"
    )


def _matches(
    connection: Connection,
    compared: Compared,
    places: NDArray[np.int64],
    posteriors: NDArray[np.float64] | None,
) -> tuple[Match, ...]:
    """The speakers at some places, by name."""
    numbers = compared.speakers[places].tolist()
    query = select(speakers.c.id, speakers.c.name).where(speakers.c.id.in_(numbers))
    names = {row.id: row.name for row in connection.execute(query)}
    return tuple(
        Match(
            names[number],
            float(compared.scores[place]),
            None if compared.ratios is None else float(compared.ratios[place]),
            None if posteriors is None else float(posteriors[place]),
        )
        for number, place in zip(numbers, places, strict=True)
        if number in names
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"

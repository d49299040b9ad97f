import warnings

import numpy as np
import pytest
from sqlalchemy import text

from contravox.errors import GalleryWarning, ScoringError
from contravox.gallery.database import Database, database_url
from contravox.gallery.gallery import Gallery
from contravox.gallery.migrations import migrate
from contravox.gallery.settings import GallerySettings
from contravox.gallery.tables import VERSION, VERSION_TABLE
from contravox.scoring.calibration import Calibration
from contravox.scoring.cohort import Cohort, cohort_vectors
from contravox.scoring.normalisation import NormalisationSettings, ScoreNormaliser
from voices import pitch_verifier, said_by

STRANGERS = np.random.default_rng(3).standard_normal((60, 8)).astype(np.float32)
OF = [f"stranger {number // 2}" for number in range(60)]


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.parametrize("scoring", ["mean", "best", "mean of scores"])
def test_scores_are_normalised_as_those_of_trial_lists_are(place, verifier, scoring):
    settings = GallerySettings(scoring=scoring, top=10)
    with Gallery.open(place, verifier, settings=settings) as gallery:
        spoken = [said_by("Ann", seed) for seed in range(3)]
        gallery.enrol("Ann", spoken[:2])
        assert gallery.set_cohort(STRANGERS, OF) == 30
        gallery.configure(settings.model_copy(update={"threshold": 2.0}))
        # One enrolled before the cohort came, one after.
        gallery.enrol("Bob", [said_by("Bob", seed) for seed in range(2)])
        gallery.enrol("Ann", spoken[2])
        test = gallery.voiceprint(said_by("Ann", 9))
        claim = gallery.verify_claim("Ann", test)
        units = unit(np.stack([gallery.voiceprint(each).vector for each in spoken]))
    enrolled = unit(units.mean(axis=0, keepdims=True)) if scoring == "mean" else units
    heard = unit(test.vector)[None]
    normaliser = ScoreNormaliser(
        enrolled.astype(np.float32),
        heard.astype(np.float32),
        Cohort.of(cohort_vectors(STRANGERS, OF)),
        NormalisationSettings(top=10),
    )
    pairs = [(row, 0) for row in range(len(enrolled))]
    normalised = normaliser.normalise((enrolled @ heard[0]).astype(np.float32), pairs).scores
    expected = normalised.max() if scoring == "best" else normalised.mean()
    assert claim.match.score == pytest.approx(expected, rel=1e-4)
    assert (claim.accepted, claim.decided_by) == (True, "the gallery's threshold")


def test_what_the_model_knows_of_plain_scores_does_not_decide_normalised_ones(place, verifier):
    with Gallery.open(place, verifier) as gallery:
        gallery.enrol("Ann", [said_by("Ann", seed) for seed in range(2)])
        gallery.set_cohort(STRANGERS, OF)
        assert gallery.verify_claim("Ann", said_by("Ann", 9)).accepted is None
        assert gallery.identify(said_by("Ann", 9)).decided is False
        assert gallery.verify_claim("Ann", said_by("Ann", 9), threshold=1.0).accepted is True
        gallery.set_cohort(np.empty((0, 8)), [])
        assert gallery.verify_claim("Ann", said_by("Ann", 9)).accepted is True


CALIBRATION = Calibration(offset=-4.0, weights={"score": 12.0})


@pytest.mark.parametrize("own", [{"threshold": 0.4}, {"calibration": CALIBRATION}])
def test_what_a_gallery_decides_by_holds_for_its_scores_alone(place, verifier, own):
    settings = GallerySettings(keep_audio=True, **own)
    with Gallery.open(place, verifier, settings=settings) as gallery:
        gallery.enrol("Ann", [said_by("Ann", seed) for seed in range(2)])
        for members, speakers in ((STRANGERS, OF), (np.empty((0, 8)), [])):
            with pytest.warns(GalleryWarning, match="threshold and calibration are forgotten"):
                gallery.set_cohort(members, speakers)
            assert not gallery.settings.decides
            decided = gallery.identify(said_by("Ann", 9)).decided_by
            assert decided == (None if len(members) else "the threshold set on list A")
            gallery.configure(settings)
        with pytest.warns(GalleryWarning, match="threshold and calibration are forgotten"):
            gallery.re_embed(pitch_verifier(digest="b" * 32, threshold=0.3, threshold_source="B"))
        found = gallery.identify(said_by("Ann", 9))
        assert (found.threshold, found.decided_by) == (0.3, "the threshold set on B")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            gallery.set_cohort(STRANGERS, OF)


def test_what_decides_is_known_before_anybody_is_enrolled(place, verifier):
    with Gallery.open(place, pitch_verifier()) as gallery:
        assert not gallery.decides()
        gallery.configure(GallerySettings(threshold=2.0))
        assert gallery.decides()
    with Gallery.open(place, verifier) as gallery:
        gallery.configure(GallerySettings())
        assert gallery.decides()
        # Of normalised scores the model's threshold says nothing.
        gallery.set_cohort(STRANGERS, OF)
        assert not gallery.decides()


def test_a_cohort_that_says_nothing_is_refused(place, verifier):
    with Gallery.open(place, verifier) as gallery:
        with pytest.raises(ScoringError, match="of 4 numbers, the model's of 8"):
            gallery.set_cohort(STRANGERS[:, :4], OF)
        with pytest.raises(ScoringError, match=r"1 speaker\(s\)"):
            gallery.set_cohort(STRANGERS, ["one"] * 60)


def test_a_cohort_goes_along_with_an_export_and_is_forgotten_with_its_model(
    tmp_path, place, verifier
):
    settings = GallerySettings(keep_audio=True)
    with Gallery.open(place, verifier, settings=settings) as gallery:
        gallery.enrol("Ann", said_by("Ann"))
        gallery.set_cohort(STRANGERS, OF)
        test = gallery.voiceprint(said_by("Ann", 9))
        score = gallery.verify_claim("Ann", test).match.score
        gallery.export(tmp_path / "copy.sqlite", audio=True)
    with Gallery.open(tmp_path / "copy.sqlite", verifier) as copy:
        assert copy.verify_claim("Ann", test).match.score == pytest.approx(score, rel=1e-5)
        copy.re_embed(pitch_verifier(digest="b" * 32))
        assert -1 <= copy.verify_claim("Ann", said_by("Ann", 9)).match.score <= 1


def test_a_gallery_of_the_first_version_is_brought_to_this_with_all_that_it_holds(place, verifier):
    with Gallery.open(place, verifier) as gallery:
        gallery.enrol("Ann", said_by("Ann"))
    older = Database(database_url(place))
    with older.writing() as connection:
        connection.execute(text("DROP TABLE cohort"))
        connection.execute(text("ALTER TABLE voiceprints DROP COLUMN bandwidth"))
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0001'"))
    older.close()
    with Gallery.open(place, verifier) as gallery:
        assert gallery.identify(said_by("Ann", 9)).speaker == "Ann"
        gallery.set_cohort(STRANGERS, OF)
        with gallery.database.reading() as connection:
            version = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))
            assert version.scalar() == VERSION


def test_every_version_leads_to_the_next(place, verifier):
    url = database_url(place)
    database = Database(url)
    for version in ("0001", "0002", "0003"):
        with database.writing() as connection:
            migrate(connection, version)
    database.close()
    with Gallery.open(place, verifier) as gallery:
        gallery.enrol("Ann", said_by("Ann"))
        gallery.set_cohort(STRANGERS, OF)
        assert gallery.identify(said_by("Ann", 9)).matches[0].speaker == "Ann"

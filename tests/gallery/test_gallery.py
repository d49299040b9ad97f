import threading

import numpy as np
import pytest
import soundfile
from sqlalchemy import text

from contravox.augmentation.codecs import through_codec
from contravox.errors import (
    AudioError,
    GalleryError,
    OutlierError,
    ScoringError,
    SpeakerNameError,
    UnknownSpeakerError,
)
from contravox.gallery.gallery import Gallery
from contravox.gallery.settings import GallerySettings
from contravox.inference.deciding import Prior
from contravox.scoring.calibration import Calibration
from voices import pitch_verifier, said_by


@pytest.fixture
def gallery(place, verifier):
    with Gallery.open(place, verifier, by="tester") as gallery:
        yield gallery


def enrol_all(gallery, count=3):
    for name in ("Ann", "Bob", "Cid"):
        gallery.enrol(name, [said_by(name, seed) for seed in range(count)])


def test_who_is_enrolled_is_verified_and_identified(gallery):
    enrol_all(gallery)
    claim = gallery.verify_claim("Ann", said_by("Ann", 9))
    assert claim.accepted is True
    assert claim.decided_by == "the threshold set on list A"
    assert claim.margin > 0.5
    assert gallery.verify_claim("Ann", said_by("Bob", 9)).accepted is False
    assert gallery.verify_claim("Ann", said_by("Bob", 9)).margin < -0.5
    found = gallery.identify(said_by("Bob", 9), top=2)
    assert (found.speaker, found.decided) == ("Bob", True)
    assert found.matches[0].speaker == "Bob"
    assert len(found.matches) == 2
    stranger = gallery.identify(said_by("Dee", 9))
    assert (stranger.speaker, stranger.decided, stranger.nobody) == (None, True, None)
    assert len(stranger.matches) == 3


def test_scores_are_cosines_with_the_mean_of_unit_vectors(gallery):
    utterances = [said_by("Ann", seed) for seed in range(3)]
    gallery.enrol("Ann", utterances)
    units = [gallery.voiceprint(each).vector for each in utterances]
    units = np.array([each / np.linalg.norm(each) for each in units], float)
    test = gallery.voiceprint(said_by("Ann", 7))
    mean = units.mean(axis=0)
    expected = mean @ test.vector / np.linalg.norm(mean) / np.linalg.norm(test.vector)
    assert gallery.verify_claim("Ann", test).match.score == pytest.approx(expected, abs=1e-6)
    gallery.configure(GallerySettings(scoring="best"))
    expected = max(units @ test.vector) / np.linalg.norm(test.vector)
    assert gallery.verify_claim("Ann", test).match.score == pytest.approx(expected, abs=1e-6)


def test_a_calibration_gives_probabilities_of_all_and_of_nobody(place):
    calibration = Calibration(offset=-4.0, weights={"score": 12.0})
    verifier = pitch_verifier(calibration=calibration, calibration_source="list B")
    with Gallery.open(place, verifier) as gallery:
        enrol_all(gallery)
        test = gallery.voiceprint(said_by("Cid", 9))
        found = gallery.identify(test, known=0.9)
        odds = {match.speaker: np.exp(-4 + 12 * match.score) * 0.9 / 3 for match in found.matches}
        total = 0.1 + sum(odds.values())
        for match in found.matches:
            assert match.log_likelihood_ratio == pytest.approx(-4 + 12 * match.score, abs=1e-5)
            assert match.probability == pytest.approx(odds[match.speaker] / total, rel=1e-4)
        assert found.nobody == pytest.approx(0.1 / total, rel=1e-4)
        assert found.speaker == "Cid"
        assert found.decided_by == "calibration learned on list B"
        stranger = gallery.identify(said_by("Dee", 9))
        assert stranger.speaker is None
        assert stranger.nobody > 0.9
        for impossible in (0, 1):
            with pytest.raises(ScoringError, match="between 0 and 1"):
                gallery.identify(test, known=impossible)
        claim = gallery.verify_claim("Cid", test, prior=Prior(0.01))
        ratio = claim.match.log_likelihood_ratio
        assert claim.match.probability == pytest.approx(1 / (1 + 99 * np.exp(-ratio)), rel=1e-4)
        assert claim.accepted is bool(ratio >= np.log(99))
        assert gallery.verify_claim("Cid", test, threshold=0.999).accepted is False


@pytest.mark.parametrize("how", ["enrol", "import"])
def test_whoever_comes_after_an_empty_gallery_was_asked_is_known(place, verifier, tmp_path, how):
    """A service is asked before anybody is enrolled, and goes on."""
    with Gallery.open(place, verifier) as gallery:
        test = gallery.voiceprint(said_by("Ann", 9))
        assert gallery.identify(test).matches == ()
        if how == "enrol":
            enrol_all(gallery)
        else:
            with Gallery.open(tmp_path / "other.sqlite", verifier) as other:
                enrol_all(other)
            gallery.import_(tmp_path / "other.sqlite")
        assert gallery.identify(test).speaker == "Ann"
        assert gallery.verify_claim("Ann", test).accepted is True


def test_a_threshold_is_held_against_the_highest_score(place):
    """Where a calibration ranks somebody of a lower score first, as more is known of them."""
    calibration = Calibration(offset=0.0, weights={"score": 1.0, "log duration": 9.0})
    verifier = pitch_verifier(calibration=calibration)
    with Gallery.open(place, verifier) as gallery:
        gallery.enrol("Ann", said_by("Ann", seconds=1.5))
        gallery.enrol("Bob", said_by("Bob", seconds=6.0))
        test = gallery.voiceprint(said_by("Ann", 9, seconds=6.0))
        assert gallery.identify(test).matches[0].speaker == "Bob"
        found = gallery.identify(test, threshold=0.5)
        assert found.speaker == found.matches[0].speaker == "Ann"
        assert found.margin == pytest.approx(found.matches[0].score - found.matches[1].score)
        assert found.margin > 0
        assert gallery.verify_claim("Ann", test).margin == pytest.approx(found.margin)
        assert gallery.verify_claim("Bob", test).margin == pytest.approx(-found.margin)


def over_the_telephone(said):
    waveform, rate = said
    return through_codec(waveform, "mu_law"), rate


def test_a_calibration_may_look_at_bandwidths(place):
    weights = {"score": 1.0, "lower bandwidth": 0.5, "higher bandwidth": -0.25}
    verifier = pitch_verifier(calibration=Calibration(offset=1.0, weights=weights))
    narrow, wide = over_the_telephone(said_by("Ann")), said_by("Ann", 9)
    with Gallery.open(place, verifier) as gallery:
        low, high = (gallery.voiceprint(each).quality.bandwidth / 1000 for each in (narrow, wide))
        assert low < 4.1 < 5 < high
        for enrolled, heard in ((narrow, wide), (wide, narrow)):
            gallery.enrol("Ann", enrolled)
            match = gallery.verify_claim("Ann", heard).match
            expected = 1 + match.score + 0.5 * low - 0.25 * high
            assert match.log_likelihood_ratio == pytest.approx(expected, abs=1e-4)
            gallery.delete("Ann")


def test_an_outlier_is_told_with_its_bandwidth_in_mind(place):
    # It doubts what came over the telephone, or stands beside such, and nothing else.
    calibration = Calibration(offset=-7.0, weights={"score": 0.0, "lower bandwidth": 1.0})
    narrow = [over_the_telephone(said_by("Ann", seed)) for seed in range(2)]
    with Gallery.open(place, pitch_verifier(calibration=calibration)) as gallery:
        gallery.enrol("Bob", [said_by("Bob", seed) for seed in range(2)])
        with pytest.raises(OutlierError):
            gallery.enrol("Ann", narrow)
        gallery.enrol("Ann", narrow[0])
        with pytest.raises(OutlierError):
            gallery.enrol("Ann", said_by("Ann", 5))


def test_without_anything_to_decide_by_nothing_is_decided(place):
    with Gallery.open(place, pitch_verifier()) as gallery:
        enrol_all(gallery)
        claim = gallery.verify_claim("Ann", said_by("Ann", 9))
        assert (claim.accepted, claim.decided_by, claim.threshold) == (None, None, None)
        found = gallery.identify(said_by("Ann", 9))
        assert (found.speaker, found.decided) == (None, False)
        assert found.matches[0].speaker == "Ann"
        with pytest.raises(ScoringError, match="contravox calibrate"):
            gallery.identify(said_by("Ann", 9), known=0.5)
        with pytest.raises(ScoringError, match="finite"):
            gallery.verify_claim("Ann", said_by("Ann", 9), threshold=np.nan)
        gallery.configure(GallerySettings(threshold=0.4))
        decided = gallery.verify_claim("Ann", said_by("Ann", 9))
        assert (decided.accepted, decided.decided_by) == (True, "the gallery's threshold")


def test_an_empty_gallery_knows_nobody(gallery):
    found = gallery.identify(said_by("Ann"))
    assert (found.speaker, found.decided, found.matches) == (None, True, ())
    with pytest.raises(UnknownSpeakerError, match="'Ann' is not enrolled"):
        gallery.verify_claim("Ann", said_by("Ann"))
    assert gallery.speakers() == []


def test_an_utterance_of_another_voice_is_reported_before_anything_is_stored(gallery, tmp_path):
    soundfile.write(tmp_path / "odd.wav", *said_by("Dee"))
    mixed = [said_by("Ann", 0), said_by("Ann", 1), tmp_path / "odd.wav", said_by("Ann", 2)]
    with pytest.raises(OutlierError, match=r"nothing was enrolled for 'Ann': .*odd\.wav \(score"):
        gallery.enrol("Ann", mixed)
    assert gallery.speakers() == []
    gallery.enrol("Ann", [said_by("Ann", 0), said_by("Ann", 1)])
    # An update is held against what is kept.
    with pytest.raises(OutlierError, match="recording 1"):
        gallery.enrol("Ann", said_by("Dee"))
    assert [each.utterances for each in gallery.speakers()] == [2]
    result = gallery.enrol("Ann", said_by("Dee"), allow_outliers=True)
    assert [each.recording for each in result.outliers] == ["recording 1"]
    assert (result.new, result.added, result.in_all) == (False, 1, 3)


def test_an_enrolment_is_all_or_nothing(gallery):
    with pytest.raises(AudioError, match="recording 2"):
        gallery.enrol("Ann", [said_by("Ann"), (np.zeros(32_000, np.float32), 16_000)])
    assert gallery.speakers() == []


def test_an_enrolment_can_be_repeated(gallery):
    utterances = [said_by("Ann", 0), said_by("Ann", 1), said_by("Ann", 0)]
    first = gallery.enrol("Ann", utterances)
    again = gallery.enrol("Ann", utterances)
    assert (first.new, first.added, first.known, first.in_all) == (True, 2, 1, 2)
    assert (again.new, again.added, again.known, again.in_all) == (False, 0, 3, 2)


def test_nobody_is_founded_on_less_than_a_second(gallery):
    with pytest.raises(AudioError, match="less than 1 s: record more"):
        gallery.enrol("Ann", said_by("Ann", seconds=0.8))
    assert gallery.enrol("Ann", said_by("Ann", seconds=0.8), allow_unfit=True).new
    assert gallery.enrol("Ann", said_by("Ann", 1, seconds=0.8)).in_all == 2


def test_names_of_any_script_are_kept_and_two_forms_of_unicode_are_one(gallery):
    names = [
        "Zoë",
        'O"Brien; DROP TABLE speakers--',
        "../../etc/passwd",
        "👩‍🚀",
        "\u200fדנה",
        "%s",
        "ß",
    ]
    for number, name in enumerate(names):
        gallery.enrol(name, said_by("Ann", number))
    assert [each.name for each in gallery.speakers()] == sorted(names)
    assert gallery.enrol("Zoe\u0308", said_by("Ann", 50)).in_all == 2
    assert gallery.verify_claim("Zoe\u0308", said_by("Ann", 9)).match.speaker == "Zoë"
    gallery.delete("Zoe\u0308", *names[1:])
    assert gallery.speakers() == []


@pytest.mark.parametrize("name", ["", "  ", " Ann", "a\nb", "a\0b", "\ud800", "x" * 10_240, 7])
def test_what_is_no_name_is_refused(gallery, name):
    with pytest.raises(SpeakerNameError):
        gallery.enrol(name, said_by("Ann"))


def test_speakers_are_told_by_name_in_parts(gallery):
    enrol_all(gallery)
    told = gallery.speakers()
    assert [each.name for each in told] == ["Ann", "Bob", "Cid"]
    assert [each.utterances for each in told] == [3, 3, 3]
    assert all(each.recordings == 0 and 5 < each.speech_seconds <= 7.5 for each in told)
    assert [each.name for each in gallery.speakers(after="Ann", most=1)] == ["Bob"]


def test_it_is_told_by_what_a_speaker_is_enrolled(place, verifier):
    with Gallery.open(place, verifier, settings=GallerySettings(keep_audio=True)) as gallery:
        gallery.enrol("Bob", [said_by("Bob", 0)])
        gallery.enrol("Ann", [said_by("Ann", 0)])
        gallery.enrol("Ann", [said_by("Ann", 1)])
        told = gallery.utterances("Ann")
        assert [each.seconds for each in told] == [
            len(samples) / rate for samples, rate in (said_by("Ann", 0), said_by("Ann", 1))
        ]
        assert sum(each.speech_seconds for each in told) == pytest.approx(
            gallery.speakers()[0].speech_seconds
        )
        assert all(each.recording for each in told)
        with pytest.raises(UnknownSpeakerError, match="Cid"):
            gallery.utterances("Cid")


def test_what_another_process_changes_is_known_at_once(gallery, place, verifier):
    enrol_all(gallery)
    with Gallery.open(place, verifier) as other:
        assert other.identify(said_by("Ann", 9)).speaker == "Ann"
        gallery.delete("Ann")
        assert other.identify(said_by("Ann", 9)).speaker is None
        gallery.enrol("Dee", said_by("Dee"))
        assert other.identify(said_by("Dee", 9)).speaker == "Dee"
        gallery.configure(GallerySettings(scoring="best", threshold=2.0))
        assert other.identify(said_by("Dee", 9)).speaker is None


def test_voiceprints_of_another_model_are_refused(gallery, place):
    gallery.enrol("Ann", said_by("Ann"))
    with pytest.raises(GalleryError, match=r"of the model aaaaaaaa….*gallery re-embed"):
        Gallery.open(place, pitch_verifier(digest="b" * 32))
    with pytest.raises(GalleryError, match="compares by the cosine"):
        Gallery.open(place, pitch_verifier(comparison="Euclidean distance"))
    with Gallery.open(place) as without:
        assert len(without.speakers()) == 1
        with pytest.raises(GalleryError, match="without a model"):
            without.identify(said_by("Ann"))


def test_two_models_that_meet_in_an_empty_gallery_do_not_mix(place):
    with (
        Gallery.open(place, pitch_verifier()) as one,
        Gallery.open(place, pitch_verifier(digest="b" * 32)) as other,
    ):
        one.enrol("Ann", said_by("Ann"))
        with pytest.raises(GalleryError, match="of the model aaaaaaaa"):
            other.enrol("Bob", said_by("Bob"))
        with pytest.raises(GalleryError, match="of the model aaaaaaaa"):
            other.identify(said_by("Bob"))


def test_the_log_tells_who_did_what_without_names_or_voices(gallery):
    gallery.enrol("Ann", said_by("Ann"))
    gallery.enrol("Bob", [said_by("Bob"), said_by("Bob", 1)], by="key 7")
    gallery.delete("Ann")
    told = [(each.by, each.action, each.voiceprints) for each in gallery.changes()]
    assert told == [
        ("tester", "made", 0),
        ("tester", "enrolled", 1),
        ("key 7", "enrolled", 2),
        ("tester", "deleted", 1),
    ]
    deleted = gallery.changes()[-1]
    assert deleted.speaker == gallery.changes()[1].speaker
    assert gallery.changes(since=deleted.number - 1) == [deleted]


def test_a_deletion_names_all_or_none(gallery):
    enrol_all(gallery)
    with pytest.raises(UnknownSpeakerError, match="'Eve'"):
        gallery.delete("Ann", "Eve")
    assert len(gallery.speakers()) == 3


def test_what_is_deleted_is_gone_from_the_files(place, verifier, files):
    with Gallery.open(place, verifier, settings=GallerySettings(keep_audio=True)) as gallery:
        # Enough that pages are split and their rows moved.
        for number in range(30):
            gallery.enrol(f"Somebody {number}", said_by("Bob", number, seconds=1.2))
        gallery.enrol("Ann the forgotten", said_by("Ann"))
        for number in range(30):
            gallery.enrol(f"Another {number}", said_by("Cid", number, seconds=1.2))
        vector = gallery.voiceprint(said_by("Ann")).vector
        # Little end first in SQLite, as PostgreSQL keeps them on such machines too.
        secrets = [b"Ann the forgotten", vector.astype("<f4").tobytes()[4:28]]

        def held():
            return {secret for path in files() for secret in secrets if secret in path.read_bytes()}

        if "://" in place:
            import psycopg

            with psycopg.connect(place, autocommit=True) as connection:
                connection.execute("CHECKPOINT")
        assert held() == set(secrets)
        gallery.delete("Ann the forgotten")
        if "://" in place:
            with psycopg.connect(place, autocommit=True) as connection:
                connection.execute("CHECKPOINT")
        assert held() == set()
        assert len(gallery.speakers()) == 60


def test_threads_share_a_gallery(gallery):
    enrol_all(gallery)
    failed = []

    def work(name):
        try:
            for seed in range(5):
                gallery.enrol(f"{name}'s friend {seed}", said_by(name, 20 + seed))
                if gallery.verify_claim(name, said_by(name, 50 + seed)).accepted is not True:
                    failed.append(name)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("Ann", "Bob", "Cid")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(gallery.speakers()) == 18


def test_a_gallery_that_is_there_keeps_its_settings(gallery, place, verifier):
    with pytest.raises(GalleryError, match="other settings"):
        Gallery.open(place, verifier, settings=GallerySettings(scoring="best"))
    Gallery.open(place, verifier, settings=GallerySettings()).close()


def test_what_is_not_known_of_a_bandwidth_is_taken_to_be_as_in_the_other_recording(place):
    weights = {"score": 1.0, "lower bandwidth": 0.5, "higher bandwidth": -0.25}
    verifier = pitch_verifier(calibration=Calibration(offset=1.0, weights=weights))
    narrow = over_the_telephone(said_by("Ann", 9))
    settings = GallerySettings(keep_audio=True)
    with Gallery.open(place, verifier, settings=settings) as gallery:
        gallery.enrol("Ann", said_by("Ann"))
        test = gallery.voiceprint(narrow)
        low = test.quality.bandwidth / 1000
        # As an older contravox left it.
        with gallery.database.writing() as connection:
            connection.execute(text("UPDATE voiceprints SET bandwidth = 0"))
    with Gallery.open(place, verifier) as gallery:
        match = gallery.verify_claim("Ann", test).match
        expected = 1 + match.score + 0.25 * low
        assert match.log_likelihood_ratio == pytest.approx(expected, abs=1e-4)
        gallery.enrol("Ann", said_by("Ann", 1))
        # One of two is known.
        match = gallery.verify_claim("Ann", test).match
        high = gallery.voiceprint(said_by("Ann", 1)).quality.bandwidth / 1000
        expected = 1 + match.score + 0.5 * low - 0.25 * high
        assert match.log_likelihood_ratio == pytest.approx(expected, abs=1e-4)
        gallery.delete("Ann")
        gallery.enrol("Ann", said_by("Ann"))
        with gallery.database.writing() as connection:
            connection.execute(text("UPDATE voiceprints SET bandwidth = 0"))
        # Hearing the recording again tells.
        gallery.re_embed(verifier)
        match = gallery.verify_claim("Ann", test).match
        high = gallery.voiceprint(said_by("Ann")).quality.bandwidth / 1000
        expected = 1 + match.score + 0.5 * low - 0.25 * high
        assert match.log_likelihood_ratio == pytest.approx(expected, abs=0.01)

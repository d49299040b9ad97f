import pytest

from contravox.scoring.calibration import Calibration
from voices import said_by

RECORDER = "#identify .recorder"
ROWS = "#identify .matches tbody"


def test_who_speaks_is_found_among_all(page, service):
    service.enrol("Ann", "Bob", "Cid")
    page.open(service.base, "identify")
    page.says(said_by("Bob", 7))
    page.record(RECORDER, 2.5)
    told = page.send("identify")
    assert told.startswith("It is Bob")
    assert "reaches the threshold of 0.50" in told
    names = page.texts(f"{ROWS} th")
    assert names[0] == "Bob"
    assert sorted(names) == ["Ann", "Bob", "Cid"]


def test_that_it_is_nobody_is_an_answer_with_its_probability(page, serve, voice_file, calibrated):
    served = serve(**calibrated)
    served.enrol("Ann", "Bob")
    page.open(served.base, "identify")
    page.choose(RECORDER, voice_file("Dee"))
    told = page.send("identify")
    assert told.startswith("Nobody who is enrolled")
    found = served.gallery.identify(voice_file("Dee"))
    assert f"{found.nobody:.1%}".replace("%", " %") in told
    assert page.texts(f"{ROWS} th")[0] == "nobody enrolled"


def test_without_anybody_there_is_nobody_to_be(page, service, voice_file):
    page.open(service.base, "identify")
    page.until(lambda: page.all("#identify .nobody:not([hidden])"))
    page.choose(RECORDER, voice_file("Ann"))
    assert page.send("identify").startswith("Nobody is enrolled")


def test_whoever_is_probable_too_is_a_reason_to_doubt(page, serve, voice_file):
    served = serve(calibration=Calibration(offset=0.0, weights={"score": 2.0}))
    served.enrol("Ann", "Bob")
    page.open(served.base, "identify")
    page.choose(RECORDER, voice_file("Ann"))
    found = served.gallery.identify(voice_file("Ann"))
    told = page.send("identify")
    probable = sorted([found.nobody, *(each.probability for each in found.matches)])
    assert f"The next in the list is probable too: {100 * probable[1]:.1f} %." in told
    shown = [float(each.removesuffix(" %")) for each in page.texts(f"{ROWS} td:nth-child(2)")]
    assert shown == [pytest.approx(100 * each, abs=0.06) for each in reversed(probable)]

import pytest

ROWS = "#speakers tbody tr"


@pytest.fixture
def enrolled(page, service, voice_file):
    """The list of Ann, Bob and somebody with an accent."""
    for name in ("Ann", "Bob", "Zoé"):
        service.gallery.enrol(name, voice_file("Ann"))
    page.open(service.base, "speakers")
    page.until(lambda: len(page.all(ROWS)) == 3)
    return page


def test_they_are_searched_whatever_the_case_and_accents(enrolled):
    for search, found in (("nn", ["Ann"]), ("BOB", ["Bob"]), ("zoe", ["Zoé"]), ("x", [])):
        enrolled.fill("#search", search)
        assert enrolled.texts("#speakers tbody th") == found
        assert enrolled.text("#found") == f"{len(found)} of 3 enrolled."


def test_somebody_is_deleted_when_that_is_confirmed(enrolled, service):
    enrolled.press('[aria-label="Delete Bob"]')
    assert enrolled.text("#delete-title") == "Delete Bob?"
    enrolled.press("#delete-dialog .danger")
    enrolled.until(lambda: len(enrolled.all(ROWS)) == 2)
    assert [each.name for each in service.gallery.speakers()] == ["Ann", "Zoé"]
    enrolled.until(lambda: enrolled.all("#speakers h2:focus"))
    enrolled.until(lambda: enrolled.text("#announcer") == "Bob is deleted.")


def test_nobody_is_deleted_when_it_is_cancelled(enrolled, service):
    for leave in ("click", "escape"):
        enrolled.press('[aria-label="Delete Bob"]')
        cancel = enrolled.find("#delete-dialog .cancel")
        cancel.click() if leave == "click" else cancel.send_keys("\ue00c")
        enrolled.until(lambda: not enrolled.all("#delete-dialog[open]"))
        assert enrolled.all('[aria-label="Delete Bob"]:focus')
    assert len(service.gallery.speakers()) == 3


def test_a_name_may_look_like_a_path(page, service, voice_file):
    name = "../a b/?#%2F'\"é"
    service.gallery.enrol(name, voice_file("Ann"))
    page.open(service.base, "speakers")
    page.press("#speakers tbody button")
    page.press("#delete-dialog .danger")
    page.until(lambda: page.text("#found") == "Nobody is enrolled yet.")
    assert service.gallery.speakers() == []


def test_of_very_many_the_first_are_listed_and_more_when_asked(page, service, voice_file):
    voiceprint = voice_file("Ann", seconds=1.1)
    names = [f"speaker {number:03}" for number in range(104)]
    for name in names:
        service.gallery.enrol(name, voiceprint)
    page.open(service.base, "speakers")
    page.until(lambda: len(page.all(ROWS)) == 100)
    page.press("#more")
    assert len(page.all(ROWS)) == 104
    assert page.all('[aria-label="Delete speaker 100"]:focus')


def test_what_others_enrolled_meanwhile_is_seen_on_coming_back(enrolled, service, voice_file):
    enrolled.task("verify")
    service.gallery.enrol("Cid", voice_file("Cid"))
    enrolled.task("speakers")
    enrolled.until(lambda: enrolled.text("#found") == "4 enrolled.")

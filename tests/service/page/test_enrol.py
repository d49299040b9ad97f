from voices import said_by

RECORDER = "#enrol .recorder"
NAME = "#enrol input[name=speaker]"


def test_somebody_is_enrolled_by_the_microphone_and_by_files(page, service, voice_file):
    page.open(service.base, "enrol")
    page.fill(NAME, "Ann")
    page.says(said_by("Ann", 1))
    page.record(RECORDER, 1.5)
    page.choose(RECORDER, voice_file("Ann", 2), voice_file("Ann", 3))
    assert len(page.all(f"{RECORDER} canvas")) == 3
    told = page.send("enrol")
    assert told.startswith("Ann is enrolled 3 recordings added")
    (enrolled,) = service.gallery.speakers()
    assert (enrolled.name, enrolled.utterances) == ("Ann", 3)
    # Ready for the next one.
    assert page.find(NAME).get_attribute("value") == ""
    assert not page.all(f"{RECORDER} .take")
    page.until(lambda: page.all('#names option[value="Ann"]'))


def test_a_recording_can_be_removed_before(page, service, voice_file):
    page.open(service.base, "enrol")
    page.fill(NAME, "Ann")
    page.choose(RECORDER, voice_file("Ann", 2), voice_file("Bob", 3))
    page.press('[aria-label="Remove Bob 3.wav"]')
    assert page.all(f"{RECORDER} .record:focus")
    assert page.text("#announcer") == "Bob 3.wav is removed."
    assert page.send("enrol").startswith("Ann is enrolled 1 recording added")


def test_an_outlier_is_named_and_stored_only_when_that_is_wanted(page, service, voice_file):
    service.enrol("Ann")
    page.open(service.base, "enrol")
    page.fill(NAME, "Ann")
    page.choose(RECORDER, voice_file("Ann", 2), voice_file("Bob", 3))
    told = page.send("enrol")
    assert told.startswith("Nothing was stored Bob 3.wav does not sound like the others")
    assert service.gallery.speakers()[0].utterances == 3
    page.press("#enrol .card button")
    page.until(lambda: page.all("#enrol .card.yes h3:focus"))
    assert service.gallery.speakers()[0].utterances == 5


def test_a_name_that_cannot_be_one_is_refused(page, service, voice_file):
    page.open(service.base, "enrol")
    page.fill(NAME, " Ann")
    page.choose(RECORDER, voice_file("Ann"))
    assert "begins or ends with blanks" in page.send("enrol")
    assert service.gallery.speakers() == []


def test_what_was_not_stored_is_not_offered_for_another_name_or_recordings(
    page, service, voice_file
):
    service.enrol("Ann")
    page.open(service.base, "enrol")
    page.fill(NAME, "Ann")
    page.choose(RECORDER, voice_file("Bob", 3))
    assert page.send("enrol").startswith("Nothing was stored")
    page.fill(NAME, "Bob")
    assert not page.all("#enrol .card")
    page.fill(NAME, "Ann")
    assert page.send("enrol").startswith("Nothing was stored")
    page.choose(RECORDER, voice_file("Bob", 4))
    assert not page.all("#enrol .card")

import pytest

from voices import said_by

RECORDER = "#verify .recorder"


@pytest.fixture
def claims(page, service):
    """The page, where Ann and Bob are enrolled and a claim to be Ann is filled in."""
    service.enrol("Ann", "Bob")
    page.open(service.base, "verify")
    page.fill("#verify input[name=speaker]", "Ann")
    return page


def test_a_voice_is_scored_while_it_speaks_and_accepted_at_the_end(claims):
    claims.says(said_by("Ann", 7))
    claims.begin(RECORDER)
    claims.until(lambda: claims.all("#verify .card.heard"))
    assert "of speech heard so far" in claims.text("#verify .card")
    claims.hear(RECORDER, 2.5)
    claims.press(f"{RECORDER} .record")
    told = claims.answer("verify")
    assert told.startswith("Accepted as Ann")
    assert "above the threshold of 0.50" in told
    assert "calibrated" in told
    assert claims.text(f"{RECORDER} .take .title").startswith("recording 1")


def test_another_voice_is_not_accepted_and_who_is_closer_is_hinted_at(claims):
    claims.says(said_by("Bob", 7))
    claims.record(RECORDER, 2.5)
    told = claims.answer("verify")
    assert told.startswith("Not accepted as Ann")
    assert "below the threshold of 0.50" in told
    assert "Somebody else who is enrolled sounds closer" in told


@pytest.mark.parametrize(("name", "answer"), [("Ann", "Accepted"), ("Cid", "Not accepted")])
def test_a_file_is_verified_too(claims, voice_file, name, answer):
    claims.choose(RECORDER, voice_file(name))
    assert claims.send("verify").startswith(f"{answer} as Ann")


def test_who_speaks_in_vain_is_told_at_once(claims):
    claims.fill("#verify input[name=speaker]", "Zoe")
    claims.says(said_by("Ann", 7))
    # It may be told sooner than a test could see that it recorded.
    claims.press(f"{RECORDER} .record")
    assert "nobody of that name is enrolled" in claims.answer("verify").lower()
    claims.until(lambda: not claims.all(f"{RECORDER}.recording"))


def test_a_calibrated_answer_says_how_sure_it_is(page, serve, voice_file, calibrated):
    served = serve(**calibrated)
    served.enrol("Ann")
    page.open(served.base, "verify")
    page.fill("#verify input[name=speaker]", "Ann")
    page.choose(RECORDER, voice_file("Ann"))
    claim = served.gallery.verify_claim("Ann", voice_file("Ann"))
    told = page.send("verify")
    assert f"{claim.match.probability:.1%}".replace("%", " %") in told
    assert "threshold 1:1" in told
    assert "calibrated" not in told


def test_nothing_is_decided_where_nothing_says_how(page, serve, voice_file):
    served = serve()
    served.enrol("Ann", recordings=1)
    page.open(served.base, "verify")
    assert "decides nothing" in page.text("#undecided")
    page.fill("#verify input[name=speaker]", "Ann")
    page.choose(RECORDER, voice_file("Ann"))
    told = page.send("verify")
    assert told.startswith("Not decided")
    assert "Only one recording enrols this speaker" in told
    assert not page.all("#verify .scale .threshold")


def test_names_are_never_read_as_html(page, serve, voice_file):
    served = serve(threshold=0.5)
    name = "<img src=x onerror=alert(1)> \u202eAnn"
    served.gallery.enrol(name, voice_file("Ann"))
    page.open(served.base, "verify")
    page.fill("#verify input[name=speaker]", name)
    page.choose(RECORDER, voice_file("Ann", 1))
    assert "<img src=x onerror=alert(1)>" in page.send("verify")
    assert not page.all("img")


def test_what_it_does_not_guard_against_is_said_where_people_decide(claims):
    for task in ("verify", "compare", "identify"):
        claims.task(task)
        assert "played back" in claims.text(f"#{task} .caution")
        assert "synthetic" in claims.text(f"#{task} .caution")

import pytest

from contravox.service.keys import add_key
from voices import said_by

DIALOG = "#key-dialog[open]"
FIELD = "#key-dialog input"


@pytest.fixture
def keyed(serve, tmp_path):
    """A service that asks for keys, and keys for everything and for verifying alone."""
    path = tmp_path / "keys.json"
    keys = {
        "all": add_key(path, "all", ["verify", "enrol", "administer"]),
        "verify": add_key(path, "verify", ["verify"]),
    }
    served = serve(keys=path, threshold=0.5)
    served.enrol("Ann")
    return served, keys


def test_a_key_is_asked_for_until_it_is_known_and_then_kept_by_the_tab(page, keyed):
    served, keys = keyed
    page.open(served.base, "speakers")
    assert "asks for an API key" in page.text("#key-reason")
    page.fill(FIELD, "no süch key")
    page.press(f"{DIALOG} .primary")
    page.until(lambda: "does not know this key" in page.text("#key-reason"))
    page.fill(FIELD, keys["all"])
    page.press(f"{DIALOG} .primary")
    page.until(lambda: page.text("#found") == "1 enrolled.")
    assert keys["all"] in page.driver.execute_script("return Object.values(sessionStorage)")
    assert not page.driver.execute_script("return Object.values(localStorage)")
    page.driver.refresh()
    page.until(lambda: page.text("#found") == "1 enrolled.")
    assert not page.all(DIALOG)


def test_without_a_key_it_is_said_that_there_is_none(page, keyed):
    served, _ = keyed
    page.open(served.base, "speakers")
    page.press(f"{DIALOG} .cancel")
    page.until(lambda: "none was given" in page.text("#found"))


def test_a_key_for_verifying_listens_but_does_not_tell_who_is_enrolled(page, keyed):
    served, keys = keyed
    page.open(served.base, "verify")
    page.fill(FIELD, keys["verify"])
    page.press(f"{DIALOG} .primary")
    page.until(lambda: not page.all(DIALOG))
    page.fill("#verify input[name=speaker]", "Ann")
    page.says(said_by("Ann", 7))
    page.record("#verify .recorder", 1.5)
    assert page.answer("verify").startswith("Accepted as Ann")
    page.task("speakers")
    assert "it lacks the scope administer" in page.text("#found")
    page.press("#key-button")
    page.fill(FIELD, keys["all"])
    page.press(f"{DIALOG} .primary")
    page.until(lambda: page.text("#found") == "1 enrolled.")

"""What holds for the page as a whole, in every state that it can be in."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from browsing import PHONE
from voices import said_by

TASKS = ("verify", "compare", "identify", "enrol", "speakers")


@pytest.fixture
def enrolled(page, service):
    service.enrol("Ann", "Bob", recordings=1)
    page.open(service.base)
    return page


def test_every_state_is_accessible_in_light_and_dark(enrolled, voice_file):
    enrolled.fill("#verify input[name=speaker]", "Ann")
    faults = {}
    for task in TASKS:
        enrolled.task(task)
        faults[task, "empty"] = enrolled.faults()
    for task, name in (("verify", "Ann"), ("verify", "Bob"), ("identify", "Cid")):
        enrolled.task(task)
        enrolled.choose(f"#{task} .recorder", voice_file(name))
        enrolled.send(task)
        enrolled.press(f"#{task} summary")
        faults[task, name] = enrolled.faults()
    enrolled.task("enrol")
    enrolled.press("#enrol button.primary")
    enrolled.fill("#enrol input[name=speaker]", "Ann")
    enrolled.press("#enrol button.primary")
    faults["enrol", "missing"] = enrolled.faults()
    enrolled.choose("#enrol .recorder", voice_file("Bob"))
    enrolled.send("enrol")
    faults["enrol", "refused"] = enrolled.faults()
    enrolled.task("speakers")
    enrolled.press("#speakers tbody button")
    faults["delete", "dialog"] = enrolled.faults()
    assert {state: found for state, found in faults.items() if found} == {}


def test_axe_finds_what_is_wrong(enrolled):
    enrolled.driver.execute_script(
        "document.querySelector('#verify .field').replaceWith(document.createElement('input'))"
    )
    assert "label" in [rule for _, rule, _ in enrolled.faults()]


def test_nothing_leaves_a_phone_sideways(enrolled, voice_file):
    enrolled.devices(size=PHONE)
    enrolled.fill("#verify input[name=speaker]", "Ann")
    wide = {}
    for task in TASKS:
        enrolled.task(task)
        if task in ("verify", "identify"):
            enrolled.choose(f"#{task} .recorder", voice_file("Ann"))
            enrolled.send(task)
            enrolled.press(f"#{task} summary")
        wide[task] = enrolled.too_wide()
    assert wide == {task: [] for task in TASKS}


def test_tasks_are_chosen_by_arrows_and_stand_in_the_address(enrolled):
    enrolled.press("#verify-tab")
    keys = ActionChains(enrolled.driver)
    for key, task in (
        (Keys.ARROW_RIGHT, "compare"),
        (Keys.END, "speakers"),
        (Keys.ARROW_RIGHT, "verify"),
        (Keys.ARROW_LEFT, "speakers"),
        (Keys.HOME, "verify"),
    ):
        keys.send_keys(key).perform()
        assert enrolled.all(f"#{task}-tab:focus[aria-selected=true][tabindex='0']")
        assert [
            each.get_attribute("id") for each in enrolled.all("[role=tabpanel]:not([hidden])")
        ] == [task]
        assert enrolled.driver.current_url.endswith(f"#{task}")


class Keyboard:
    """Somebody with a keyboard alone."""

    def __init__(self, page):
        self.page = page

    def press(self, *keys):
        ActionChains(self.page.driver).send_keys(*keys).perform()

    def tab_to(self, selector, *, back=False):
        """Walk on, or back, until there; whatever is passed shows that it has the focus."""
        for _ in range(40):
            if self.page.all(f"{selector}:focus"):
                return
            step = ActionChains(self.page.driver)
            if back:
                step.key_down(Keys.SHIFT)
            step.send_keys(Keys.TAB)
            if back:
                step.key_up(Keys.SHIFT)
            step.perform()
            assert self.page.driver.execute_script(
                """const { activeElement, body } = document;
                const shown = activeElement.closest(".file") ?? activeElement;
                return shown === body || getComputedStyle(shown).outlineStyle !== "none";"""
            ), self.page.driver.execute_script("return document.activeElement.outerHTML")
        raise AssertionError(f"{selector} is not reached by Tab")


def test_a_keyboard_alone_enrols_verifies_and_deletes(page, service):
    page.open(service.base)
    page.says(said_by("Ann", 1))
    keyboard = Keyboard(page)
    keyboard.tab_to("#verify .nobody a")
    keyboard.press(Keys.ENTER)
    page.until(lambda: page.all("#enrol-tab:focus"))
    keyboard.tab_to("#enrol input[name=speaker]")
    keyboard.press("Ann")
    keyboard.tab_to("#enrol .record")
    keyboard.press(Keys.SPACE)
    page.until(lambda: page.all("#enrol .recorder.recording"))
    page.hear("#enrol .recorder", 1.5)
    keyboard.press(Keys.SPACE)
    page.until(lambda: page.all("#enrol .take"))
    keyboard.tab_to("#enrol button.primary")
    keyboard.press(Keys.ENTER)
    assert page.answer("enrol").startswith("Ann is enrolled")

    keyboard.tab_to("#enrol-tab", back=True)
    keyboard.press(Keys.HOME)
    keyboard.tab_to("#verify input[name=speaker]")
    keyboard.press("Ann")
    keyboard.tab_to("#verify .record")
    keyboard.press(Keys.ENTER)
    page.until(lambda: page.all("#verify .recorder.recording"))
    page.hear("#verify .recorder", 1.5)
    keyboard.press(Keys.ENTER)
    assert page.answer("verify").startswith("Accepted as Ann")

    keyboard.tab_to("#verify-tab", back=True)
    keyboard.press(Keys.END)
    keyboard.tab_to('[aria-label="Delete Ann"]')
    keyboard.press(Keys.ENTER)
    page.until(lambda: page.all("#delete-dialog .cancel:focus"))
    keyboard.tab_to("#delete-dialog .danger")
    keyboard.press(Keys.ENTER)
    page.until(lambda: page.text("#found") == "Nobody is enrolled yet.")
    assert service.gallery.speakers() == []


def test_only_who_minds_no_motion_sees_it(enrolled):
    moving = "return getComputedStyle(document.querySelector('#verify .bar')).transitionDuration"
    enrolled.devices(prefers_reduced_motion="no-preference")
    assert enrolled.driver.execute_script(moving) != "0s"
    enrolled.devices(prefers_reduced_motion="reduce")
    assert enrolled.driver.execute_script(moving) == "0s"


def test_the_browser_holds_the_page_to_its_policy(enrolled):
    """Or the check of every test, that nothing breaks it, would say nothing."""
    enrolled.driver.execute_script("document.body.setAttribute('style', 'color: red')")
    told = enrolled.until(lambda: enrolled.driver.get_log("browser"))
    assert "Content Security Policy" in str(told)


def test_another_task_ends_a_recording(enrolled):
    enrolled.task("enrol")
    enrolled.begin("#enrol .recorder")
    enrolled.task("speakers")
    enrolled.until(lambda: not enrolled.all("#enrol .recorder.recording"))
    enrolled.task("enrol")
    assert len(enrolled.all("#enrol .take")) == 1

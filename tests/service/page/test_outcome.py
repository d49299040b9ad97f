"""Answers that come when the form has been changed already."""

import pytest

from voices import said_by

RECORDER = "#{} .recorder:last-of-type"
NAME = "#{} input[name=speaker]"

HOLD = """window.held = [];
const until = () => new Promise((resolve) => window.held.push(resolve));
const asked = window.fetch.bind(window);
window.fetch = async (...given) => {
  const answer = await asked(...given);
  if (given[1]?.method === "POST") await until();
  return answer;
};
window.WebSocket = class extends WebSocket {
  // It closes after the answer that is held.
  set onclose(told) {}

  set onmessage(told) {
    super.onmessage = async (event) => {
      if (JSON.parse(event.data).final) await until();
      told(event);
    };
  }
};"""

# An answer is shown some turns after it came.
RELEASE = """window.held.shift()();
await new Promise((resolve) => setTimeout(resolve, 200));"""


class Held:
    """A page whose last answers come when they are let go, in the order in which they came."""

    def __init__(self, page):
        self.page = page

    def send(self, task):
        self.page.press(f"#{task} button.primary")
        self.come(1)

    def come(self, count):
        self.page.until(lambda: self.page.driver.execute_script("return held.length") == count)

    def release(self):
        self.page.script(RELEASE)


@pytest.fixture
def held(page, service):
    """At a task, with what it needs beforehand."""

    def at(task):
        service.enrol("Ann", "Bob")
        page.open(service.base, task)
        page.script(HOLD)
        return Held(page)

    return at


def ann_is_heard(held, page):
    """Ann's claim has been recorded, and its answer is late."""
    late, recorder = held("verify"), RECORDER.format("verify")
    page.fill(NAME.format("verify"), "Ann")
    page.says(said_by("Ann", 7))
    page.record(recorder, 1.5)
    late.come(1)
    return late, recorder


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        ("compare", "Different speakers"),
        ("identify", "It is Bob"),
        ("verify", "Not accepted as Ann"),
    ],
)
def test_an_answer_to_another_recording_is_not_shown(held, page, voice_file, task, answer):
    late = held(task)
    if task == "verify":
        page.fill(NAME.format(task), "Ann")
    if task == "compare":
        page.choose("#compare .recorder", voice_file("Ann", 1))
    page.choose(RECORDER.format(task), voice_file("Ann", 2))
    late.send(task)
    page.choose(RECORDER.format(task), voice_file("Bob", 3))
    assert not page.all(f"#{task} button[aria-busy]")
    # The next answer need not wait for the last.
    page.press(f"#{task} button.primary")
    late.come(2)
    late.release()
    assert not page.all(f"#{task} .card")
    assert page.all(f"#{task} button[aria-busy]")
    late.release()
    assert page.answer(task).startswith(answer)
    assert not page.all(f"#{task} button[aria-busy]")


def test_a_form_that_is_sent_twice_at_once_is_sent_once(held, page, voice_file):
    late = held("identify")
    page.choose(RECORDER.format("identify"), voice_file("Bob"))
    sent = page.script(
        """let sent = 0;
        const asked = window.fetch;
        window.fetch = (...given) => {
          sent += 1;
          return asked(...given);
        };
        const form = document.querySelector("#identify form");
        form.requestSubmit();
        form.requestSubmit();
        await new Promise((resolve) => setTimeout(resolve, 200));
        return sent;"""
    )
    assert sent == 1
    late.come(1)
    late.release()
    assert page.answer("identify").startswith("It is Bob")


def test_a_claim_is_heard_to_its_end_when_the_answer_to_the_last_one_comes_late(held, page):
    late, recorder = ann_is_heard(held, page)
    page.says(said_by("Bob", 7))
    page.begin(recorder)
    late.release()
    page.hear(recorder, 1.5)
    assert not page.all("#verify .card.yes")
    page.press(f"{recorder} .record")
    late.come(1)
    late.release()
    assert page.answer("verify").startswith("Not accepted as Ann")


def test_a_claim_that_was_heard_is_not_the_answer_to_a_file(held, page, voice_file):
    late, recorder = ann_is_heard(held, page)
    page.choose(recorder, voice_file("Bob"))
    late.release()
    assert not page.all("#verify .card")


def test_another_claim_while_one_speaks_is_not_answered_as_the_first(held, page):
    late = held("verify")
    recorder = RECORDER.format("verify")
    page.fill(NAME.format("verify"), "Ann")
    page.says(said_by("Ann", 7))
    page.begin(recorder)
    page.until(lambda: page.all("#verify .card.heard"))
    page.fill(NAME.format("verify"), "Bob")
    late.come(1)
    late.release()
    page.hear(recorder, 3)
    assert not page.all("#verify .card")
    page.press("#verify button.primary")
    late.come(1)
    late.release()
    assert page.answer("verify").startswith("Not accepted as Bob")


def test_somebody_enrolled_late_is_told_and_the_next_one_s_form_stays(held, page, voice_file):
    late = held("enrol")
    recorder = RECORDER.format("enrol")
    page.fill(NAME.format("enrol"), "Cid")
    page.choose(recorder, voice_file("Cid"))
    late.send("enrol")
    page.fill(NAME.format("enrol"), "Dee")
    page.choose(recorder, voice_file("Dee"))
    late.release()
    assert page.text("#enrol .card").startswith("Cid is enrolled 1 recording added")
    assert page.text("#announcer") == "Cid is enrolled"
    assert page.find(NAME.format("enrol")).get_attribute("value") == "Dee"
    assert page.texts("#enrol .take bdi") == ["Dee 0.wav"]
    late.send("enrol")
    assert not page.all("#enrol .card")
    late.release()
    assert page.answer("enrol").startswith("Dee is enrolled 1 recording added")
    assert not page.all("#enrol .take")


def test_somebody_not_enrolled_after_all_is_told_by_name(held, page, voice_file):
    late = held("enrol")
    recorder = RECORDER.format("enrol")
    page.fill(NAME.format("enrol"), "Ann")
    page.choose(recorder, voice_file("Bob"))
    late.send("enrol")
    page.fill(NAME.format("enrol"), "Dee")
    late.release()
    told = page.text("#enrol .card")
    assert told.startswith("Enrolling Ann did not work Bob 0.wav does not sound like the others")
    assert not page.all("#enrol .card button")
    assert page.texts("#enrol .take bdi") == ["Bob 0.wav"]

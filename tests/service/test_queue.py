import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from contravox.inference.verifier import Verifier
from contravox.service.limits import Limits
from contravox.service.queue import LONGEST_WAIT, Queue
from contravox.service.refusals import RefusedError
from voices import PITCHES, PitchModel


class Gate(PitchModel):
    """Embeds once it may."""

    def __init__(self):
        super().__init__(threshold=0.5)
        self.open = threading.Event()
        self.at_work = self.most = self.begun = 0

    def _encode(self, waveforms):
        self.at_work += 1
        self.begun += 1
        self.most = max(self.most, self.at_work)
        assert self.open.wait(60)
        self.at_work -= 1
        return super()._encode(waveforms)


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_finds_no_place_is_refused_at_once_and_the_rest_is_answered(started, wav):
    model = Gate()
    client = started(verifier=Verifier(model), at_work=2, queue=3)
    queue = client.app.state.service.queue
    with ThreadPoolExecutor(5) as threads:
        asked = [threads.submit(client.identify, wav("Ann", seed)) for seed in range(5)]
        until(lambda: queue.inside == 5 and model.at_work == 2)
        for _ in range(3):
            refused = client.identify(wav("Ann"))
            assert refused.status_code == 429
            assert refused.json()["error"]["kind"] == "busy"
            assert 1 <= int(refused.headers["retry-after"]) <= LONGEST_WAIT
        # Whoever looks after it is answered all the same.
        assert client.get("/health").status_code == 200
        assert "contravox_inside 5.0" in client.get("/metrics").text
        model.open.set()
        assert [each.result().status_code for each in asked] == [200] * 5
    assert model.most == 2
    assert queue.inside == 0
    assert client.identify(wav("Ann")).status_code == 200


def test_no_answer_is_another_callers(started, wav):
    """Of four times as many as there are places each is refused, or answered by its own voice."""
    client = started(at_work=4, queue=6)
    gallery = client.app.state.service.gallery
    for name in PITCHES:
        gallery.enrol(name, wav(name, 1))
    asked = [(name, seed) for seed in range(2, 12) for name in PITCHES]
    recordings = {each: wav(*each) for each in asked}
    own = {each: gallery.verify_claim("Ann", recordings[each]).match.score for each in asked}
    assert len(set(own.values())) == len(asked)
    with ThreadPoolExecutor(40) as threads:
        answers = threads.map(lambda each: client.verify("Ann", recordings[each]), asked)
        found = dict(zip(asked, answers, strict=True))
    answered = {each: answer for each, answer in found.items() if answer.status_code == 200}
    assert len(answered) >= 10
    assert {answer.status_code for answer in found.values()} <= {200, 429}
    for each, answer in answered.items():
        assert answer.json()["match"]["score"] == own[each]
        assert answer.json()["accepted"] is (each[0] == "Ann")


def test_a_place_is_given_back_whatever_happens(client, wav):
    queue = client.app.state.service.queue
    client.verify("Ann", b"")
    client.verify("Zoe", wav("Ann"))
    client.post("/v1/verify", content=b"x")
    assert queue.inside == 0


def test_who_goes_away_is_not_worked_for(started, wav):
    model = Gate()
    client = started(verifier=Verifier(model), at_work=1, queue=3)
    queue = client.app.state.service.queue
    request = client.build_request("POST", "/v1/identify", files={"recording": wav("Ann", 2)})
    scope = {"type": "http", "method": "POST", "path": "/v1/identify", "query_string": b""}
    scope["headers"] = [(name.lower(), value) for name, value in request.headers.raw]
    messages = [{"type": "http.request", "body": request.read()}, {"type": "http.disconnect"}]
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(client.identify, wav("Ann", 1))
        until(lambda: model.at_work == 1)
        client.portal.call(client.app, scope, receive, send)
        assert queue.inside == 1
        model.open.set()
        assert first.result().status_code == 200
    assert model.begun == 1
    assert sent[0]["status"] == 499


def test_how_long_to_wait_follows_how_many_are_inside():
    queue = Queue(Limits(at_work=1, queue=1000))
    queue._timed(lambda: time.sleep(0.1))
    assert queue.wait() == 1
    waits = []
    for inside in (1, 50, 200, 100_000):
        queue.inside = inside
        waits.append(queue.wait())
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT
    queue.inside = queue.places
    with pytest.raises(RefusedError), queue.place():
        pass

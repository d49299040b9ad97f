import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect

from contravox.errors import GalleryUnavailableError
from contravox.service import listening
from contravox.service.keys import KeyFile, add_key
from voices import said_by


def pcm(name, seed=0, seconds=2.5):
    samples, _ = said_by(name, seed, seconds)
    return (samples * 32767).astype("<i2").tobytes()


def spoken_to(client, data, speaker="Ann", size=3201, **how):
    """Send samples in messages of a size that splits them; all that comes back."""
    answers = []
    with client.websocket_connect("/v1/listen", params={"speaker": speaker}, **how) as socket:
        for first in range(0, len(data), size):
            socket.send_bytes(data[first : first + size])
        socket.send_text("end")
        try:
            while True:
                answers.append(socket.receive_json())
        except WebSocketDisconnect as ended:
            return answers, ended.code


@pytest.mark.parametrize("name", ["Ann", "Bob"])
def test_the_last_answer_is_that_of_the_whole_recording(client, wav, name):
    data = pcm(name, 3)
    *running, last = spoken_to(client, data)[0]
    assert last.pop("final") is True
    assert last.pop("seconds") == 2.5
    samples = np.frombuffer(data, "<i2"), 16_000
    known = client.app.state.service.gallery.verify_claim("Ann", samples)
    assert last["match"]["score"] == known.match.score
    assert last["accepted"] is (name == "Ann")
    for each in running:
        assert each["final"] is False
        assert each["match"]["speaker"] == "Ann"
        assert each["seconds"] <= 2.5


def test_there_are_answers_while_one_speaks(client):
    data = pcm("Ann", 4, 4.0)
    with client.websocket_connect("/v1/listen", params={"speaker": "Ann"}) as socket:
        socket.send_bytes(data[: 2 * 32_000])
        first = socket.receive_json()
        assert first["final"] is False
        assert first["seconds"] == 2.0
        assert first["accepted"] is True
        socket.send_bytes(data[2 * 32_000 :])
        socket.send_text("end")
        while not (last := socket.receive_json())["final"]:
            pass
        assert last["seconds"] == 4.0


def test_what_is_wrong_is_told_before_it_closes(client, monkeypatch):
    [told], code = spoken_to(client, pcm("Ann"), speaker="Zoe")
    assert told["error"]["kind"] == "unknown_speaker"
    assert code == 1008
    [told], _ = spoken_to(client, b"")
    assert told["error"]["kind"] == "recording"
    monkeypatch.setattr(listening, "IDLE_SECONDS", 0.05)
    with client.websocket_connect("/v1/listen", params={"speaker": "Ann"}) as socket:
        assert socket.receive_json()["error"]["kind"] == "slow"


def test_nobody_speaks_longer_than_is_taken(started, wav):
    client = started(longest=3.0)
    client.enrol("Ann", wav("Ann", 1))
    with client.websocket_connect("/v1/listen", params={"speaker": "Ann"}) as socket:
        socket.send_bytes(bytes(32_000 * 4))
        assert socket.receive_json()["error"]["kind"] == "recording_too_long"


def test_only_so_many_are_listened_to(started, wav):
    client = started(listeners=1)
    client.enrol("Ann", wav("Ann", 1))
    with client.websocket_connect("/v1/listen", params={"speaker": "Ann"}) as first:
        [told], code = spoken_to(client, b"")
        assert (told["error"]["kind"], code) == ("busy", 1013)
        first.send_text("end")
        assert "error" in first.receive_json()
    assert spoken_to(client, pcm("Ann"))[0][-1]["final"] is True
    assert "contravox_listeners 0.0" in client.get("/metrics").text


def test_a_browser_brings_its_key_as_a_subprotocol(started, tmp_path, wav):
    path = tmp_path / "keys.json"
    key, other = add_key(path, "web", ["verify"]), add_key(path, "other", ["enrol"])
    client = started(keys=KeyFile(path))
    client.app.state.service.gallery.enrol("Ann", wav("Ann", 1))
    for how, kind in (
        ({"subprotocols": ["contravox", f"contravox.key.{key}"]}, None),
        ({"headers": {"Authorization": f"Bearer {key}"}}, None),
        ({"subprotocols": ["contravox", f"contravox.key.{other}"]}, "scope"),
        ({"subprotocols": ["contravox", "contravox.key.x"]}, "key_unknown"),
        ({}, "key_missing"),
    ):
        answers, _ = spoken_to(client, pcm("Ann"), **how)
        assert answers[-1].get("error", {}).get("kind") == kind
        if kind is None:
            assert answers[-1]["accepted"] is True


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"rate": 16_000}, "speaker: field required"),
        ({"speaker": "Ann", "rate": 1}, "rate: input should be greater than or equal to 8000"),
        ({"speaker": "Ann", "rate": "x"}, "rate: input should be a valid integer"),
    ],
)
def test_what_is_wrong_in_the_address_is_told_before_it_closes(client, params, said):
    how = {"params": params, "subprotocols": ["contravox"]}
    with client.websocket_connect("/v1/listen", **how) as socket:
        assert socket.accepted_subprotocol == "contravox"
        error = socket.receive_json()["error"]
        assert error["kind"] == "field"
        assert error["message"].startswith(said)
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_json()
    assert ended.value.code == 1008
    assert 'contravox_refused_total{kind="field"} 1.0' in client.get("/metrics").text


def test_who_is_unknown_is_told_though_nothing_is_sent(client):
    with client.websocket_connect("/v1/listen", params={"speaker": "Zoe"}) as socket:
        assert socket.receive_json()["error"]["kind"] == "unknown_speaker"


def test_what_a_running_answer_fails_with_is_told_though_nothing_more_is_sent(client, monkeypatch):
    def fail(*_, **__):
        raise GalleryUnavailableError("away")

    monkeypatch.setattr(listening, "IDLE_SECONDS", 10)
    monkeypatch.setattr(client.app.state.service.gallery, "verify_claim", fail)
    with client.websocket_connect("/v1/listen", params={"speaker": "Ann"}) as socket:
        socket.send_bytes(pcm("Ann"))
        assert socket.receive_json()["error"]["kind"] == "gallery_unavailable"


def test_a_client_that_goes_is_let_go(client):
    with client.websocket_connect("/v1/listen", params={"speaker": "Ann"}) as socket:
        socket.send_bytes(pcm("Ann"))
    assert client.verify("Ann", b"").status_code == 422
    assert "contravox_listeners 0.0" in client.get("/metrics").text

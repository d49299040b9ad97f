import io
import json
import logging
from contextlib import suppress

import pytest
from starlette.websockets import WebSocketDisconnect

from contravox.errors import GalleryError, GalleryUnavailableError
from contravox.service.keys import KeyFile, add_key
from contravox.service.logs import LEVELS, write_logs


@pytest.fixture
def lines():
    """What is logged, as it is written."""
    stream = io.StringIO()
    before = {name: logging.getLogger(name).handlers[:] for name in LEVELS}
    write_logs(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for name, handlers in before.items():
        logging.getLogger(name).handlers[:] = handlers
        logging.getLogger(name).propagate = True


def test_each_request_is_a_line_without_names(started, wav, lines, tmp_path):
    key = add_key(tmp_path / "keys.json", "web", ["verify", "enrol", "administer"])
    client = started(
        keys=KeyFile(tmp_path / "keys.json"), headers={"Authorization": f"Bearer {key}"}
    )
    name = "Secret Name"
    client.enrol(name, wav("Ann", 1))
    client.verify(name, wav("Ann", 2))
    client.get("/v1/speakers", params={"after": name})
    client.delete(f"/v1/speakers/{name}")
    client.delete(f"/v1/speakers/{name}")
    client.get(f"/{name}")
    with client.websocket_connect("/v1/listen", params={"speaker": name}) as socket:
        socket.send_text("end")
        socket.receive_json()
    told = lines()
    assert [(each["method"], each["route"], each["status"]) for each in told] == [
        ("POST", "/v1/enrol", 201),
        ("POST", "/v1/verify", 200),
        ("GET", "/v1/speakers", 200),
        ("DELETE", "/v1/speakers/{name:path}", 204),
        ("DELETE", "/v1/speakers/{name:path}", 404),
        ("GET", "other", 404),
        ("WEBSOCKET", "/v1/listen", 101),
    ]
    assert {each["event"] for each in told} == {"request"}
    assert [each["key"] for each in told] == ["web"] * 5 + [None, "web"]
    assert told[4]["refused"] == "unknown_speaker"
    written = json.dumps(told)
    for secret in ("Secret", key, key[4:20]):
        assert secret not in written


@pytest.mark.parametrize(
    ("kind", "status"), [(RuntimeError, 500), (GalleryError, 500), (GalleryUnavailableError, 503)]
)
def test_an_error_is_told_by_its_kind_and_place(client, wav, lines, monkeypatch, kind, status):
    def fail(*_, **__):
        raise kind("Secret Name")

    gallery = client.app.state.service.gallery
    monkeypatch.setattr(gallery, "identify", fail)
    monkeypatch.setattr(gallery, "verify_claim", fail)
    assert client.identify(wav("Ann")).status_code == status
    with client.websocket_connect("/v1/listen", params={"speaker": "Ann"}) as socket:
        socket.send_bytes(bytes(1000))
        socket.send_text("end")
        with suppress(WebSocketDisconnect):
            socket.receive_json()
    for told, written in zip(lines(), (status, 101), strict=True):
        assert told["status"] == written
        assert told["error"].startswith(f"{kind.__name__} at test_requests.py:")
        assert "Secret" not in json.dumps(told)
    assert lines()[0]["level"] == "error"


def test_a_failure_while_one_speaks_ends_it(client, lines, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("Secret Name")

    monkeypatch.setattr(client.app.state.service.gallery, "verify_claim", fail)
    with client.websocket_connect("/v1/listen", params={"speaker": "Ann"}) as socket:
        socket.send_bytes(bytes(1000))
        socket.send_text("end")
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_json()
    assert ended.value.code == 1011
    [told] = lines()
    assert told["error"].startswith("RuntimeError at ")
    assert "Secret" not in json.dumps(told)


def test_what_libraries_hold_of_an_error_is_not_written_down(lines):
    logging.getLogger("asyncio").error("Task failed\nfuture: <Secret Name>")
    try:
        raise RuntimeError("Secret Name")
    except RuntimeError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
    logging.getLogger("uvicorn.error").info('"WebSocket /v1/listen?speaker=Secret" [accepted]')
    first, second = lines()
    assert first["event"] == "Task failed"
    assert second["event"] == "Exception in ASGI application"
    assert second["error"].startswith("RuntimeError at test_requests.py")


def test_a_request_keeps_the_id_that_a_proxy_gave_it_and_no_other_text(client, lines):
    assert (
        client.get("/health", headers={"X-Request-ID": "a-1.B"}).headers["x-request-id"] == "a-1.B"
    )
    for wrong in ("a b", "x" * 65, 'a"b', "a\tb", ""):
        given = client.get("/health", headers={"X-Request-ID": wrong}).headers["x-request-id"]
        assert len(given) == 32
    ids = [each["request"] for each in lines()]
    assert len(set(ids)) == 6


@pytest.mark.parametrize(
    "path", ["/", "/health", "/v1/speakers", "/page/none", "/v1/speakers?most=0"]
)
def test_every_answer_has_the_headers_that_browsers_obey(client, path):
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]

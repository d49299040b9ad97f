import pytest
from starlette.websockets import WebSocketDisconnect

from contravox.service.keys import KeyFile, add_key


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:80", "[::1]"]
)
def test_it_answers_by_the_names_of_this_machine(client, host):
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert client.get("/v1/speakers", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[", "a@b:c:d"]
)
def test_it_does_not_answer_by_another_name(client, host, wav):
    for path in ("/v1/speakers", "/health", "/"):
        response = client.get(path, headers={"Host": host})
        assert response.status_code == 403
        assert response.json()["error"]["kind"] == "host"


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://localhost:81",
        "http://localhost.evil.example",
        "x",
        "http://[",
        "http://[x]",
    ],
)
def test_pages_of_others_cannot_ask(client, origin, wav):
    headers = {"Origin": origin, "Host": "localhost:80"}
    files = {"recordings": wav("Cid")}
    response = client.post("/v1/enrol", data={"speaker": "Cid"}, files=files, headers=headers)
    assert response.status_code == 403
    assert response.json()["error"]["kind"] == "origin"
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/v1/listen?speaker=Ann", headers=headers),
    ):
        pass
    assert "Cid" not in client.names()[0]


def test_no_other_origin_is_ever_allowed(client):
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    for response in (client.options("/v1/verify", headers=asked), client.get("/health")):
        assert not [name for name in response.headers if name.startswith("access-control")]


def test_with_keys_any_name_will_do(started, tmp_path):
    key = add_key(tmp_path / "keys.json", "a", ["administer"])
    client = started(keys=KeyFile(tmp_path / "keys.json"))
    headers = {"Host": "voices.example", "Origin": "https://voices.example"}
    headers["Authorization"] = f"Bearer {key}"
    assert client.get("/v1/speakers", headers=headers).status_code == 200

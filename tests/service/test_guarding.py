import pytest

from contravox.service.keys import KeyFile, add_key, remove_key

ALL = ("verify", "enrol", "administer")


def calls(wav):
    """What each scope lets a client do."""
    recording = {"recording": wav("Ann", 5)}
    return {
        "verify": [
            ("POST", "/v1/verify", {"data": {"speaker": "Ann"}, "files": recording}),
            ("POST", "/v1/identify", {"files": recording}),
        ],
        "enrol": [
            ("POST", "/v1/enrol", {"data": {"speaker": "Cid"}, "files": {"recordings": wav("Cid")}})
        ],
        "administer": [("GET", "/v1/speakers", {}), ("DELETE", "/v1/speakers/Bob", {})],
    }


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys.json"
    return path, {scope: add_key(path, scope, [scope]) for scope in ALL}


@pytest.fixture
def guarded(started, keys, wav):
    client = started(keys=KeyFile(keys[0]))
    gallery = client.app.state.service.gallery
    for name in ("Ann", "Bob"):
        gallery.enrol(name, wav(name, 1))
    return client


def bearing(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("scope", ALL)
def test_a_key_opens_what_it_is_for_and_nothing_else(guarded, keys, wav, scope):
    for of, each in calls(wav).items():
        for method, path, how in each:
            response = guarded.request(method, path, headers=bearing(keys[1][scope]), **how)
            if of == scope:
                assert response.status_code in (200, 201, 204), response.text
            else:
                assert response.status_code == 403
                assert response.json()["error"]["kind"] == "scope"


def test_without_a_key_nothing_opens_and_no_body_is_read(guarded, keys, wav, monkeypatch):
    def read(*_):
        raise AssertionError("the body was read")

    monkeypatch.setattr("contravox.service.uploads.UploadRequest.read", read)
    wrong = [
        None,
        "Basic eDp5",
        "Bearer",
        "Bearer ",
        f"Bearer {keys[1]['verify'][:-1]}",
        "Bearer é",
    ]
    for each in calls(wav).values():
        for method, path, how in each:
            for header in wrong:
                headers = {} if header is None else {"Authorization": header.encode()}
                response = guarded.request(method, path, headers=headers, **how)
                assert response.status_code == 401
                assert response.headers["www-authenticate"] == "Bearer"
                assert response.json()["error"]["kind"] in ("key_missing", "key_unknown")
    assert guarded.app.state.service.gallery.counts()["speakers"] == 2


def test_health_measures_and_the_page_need_no_key(guarded):
    for path in ("/health", "/metrics", "/", "/openapi.json"):
        assert guarded.get(path).status_code == 200


def test_a_change_is_noted_by_the_name_of_the_key(guarded, keys, wav):
    files = {"recordings": wav("Cid")}
    headers = bearing(keys[1]["enrol"])
    guarded.post("/v1/enrol", data={"speaker": "Cid"}, files=files, headers=headers)
    assert guarded.app.state.service.gallery.changes()[-1].by == "enrol"


def test_a_key_removed_meanwhile_is_refused(guarded, keys):
    headers = bearing(keys[1]["administer"])
    assert guarded.get("/v1/speakers", headers=headers).status_code == 200
    remove_key(keys[0], "administer")
    assert guarded.get("/v1/speakers", headers=headers).status_code == 401


def test_where_the_keys_cannot_be_read_nobody_is_let_in(guarded, keys):
    keys[0].write_text("{")
    response = guarded.get("/v1/speakers", headers=bearing(keys[1]["administer"]))
    assert response.status_code == 500
    assert str(keys[0]) not in response.text

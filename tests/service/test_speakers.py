import unicodedata
from urllib.parse import quote

import pytest

NAMES = {
    "quotes": 'Ann "O\'Hara" `x`; DROP TABLE speakers; --',
    "slashes": "a/../b//c",
    "a path": "/etc/passwd",
    "a path up": "../../x",
    "backslashes": "C:\\x",
    "emoji": "👩‍👩‍👧 Ann 🎤",
    "right to left": "\u202eאנה\u202c",
    "query": "a?b=c&d#e",
    "markup": "<script>alert(1)</script>",
    "null word": "null",
    "dots": "...",
    "dot": ".hidden",
    "another script": "Ἀσπασία 李",
    "longest": "é" * 250,
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_any_name_is_enrolled_claimed_listed_and_deleted(started, wav, name):
    client = started()
    told = client.enrol(name, wav("Ann", 1))
    assert told.status_code == 201
    assert told.json()["speaker"] == name
    assert client.verify(name, wav("Ann", 2)).json()["match"]["speaker"] == name
    assert client.identify(wav("Ann", 2)).json()["speaker"] == name
    assert client.names() == ([name], None)
    assert client.delete(f"/v1/speakers/{quote(name, safe='')}").status_code == 204
    assert client.names() == ([], None)


@pytest.mark.parametrize(
    "name", ["", " ", "a\nb", "a\0b", " a", "x" * 10_000, "é" * 251, "\u2028", "\ud800"]
)
def test_what_is_no_name_is_refused(started, wav, name):
    client = started()
    said = name.encode("utf-8", "surrogatepass")
    response = client.enrol(said, wav("Ann", 1))
    assert response.status_code in (422, 201 if name == "\ud800" else 422)
    error = response.json().get("error", {"message": ""})
    assert len(error["message"]) < 400
    if response.status_code == 422:
        assert client.names() == ([], None)


def test_two_ways_to_write_a_name_are_one(started, wav):
    client = started()
    composed = "André"
    apart = unicodedata.normalize("NFD", composed)
    assert client.enrol(composed, wav("Ann", 1)).json()["new"] is True
    assert client.enrol(apart, wav("Ann", 2)).json()["new"] is False
    assert client.names() == ([composed], None)
    assert client.delete(f"/v1/speakers/{quote(apart)}").status_code == 204


def test_slashes_may_stand_as_they_are(started, wav):
    client = started()
    client.enrol("a/b", wav("Ann", 1))
    assert client.delete("/v1/speakers/a/b").status_code == 204


def test_pages_follow_one_another(started, wav):
    client = started()
    names = sorted(["Ann", "Bob", "Cid", "Dee"])
    for name in names:
        client.enrol(name, wav(name, 1))
    found, after = [], ""
    while after is not None:
        page, after = client.names(after=after, most=3)
        found += page
    assert found == names
    assert client.names(most=4) == (names, None)
    for wrong in ("most=1001", "most=0", "most=x", "after=%00", "mots=3"):
        assert client.get(f"/v1/speakers?{wrong}").status_code == 422


def test_who_is_not_there_cannot_be_deleted(client):
    for name in ("Zoe", "ann", "%", "%ff", "a%00b"):
        response = client.delete(f"/v1/speakers/{name}")
        assert response.status_code in (404, 422)
    assert client.names()[0] == ["Ann", "Bob"]

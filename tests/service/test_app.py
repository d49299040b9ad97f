import subprocess
import sys
from dataclasses import asdict

import pytest

from contravox.gallery.gallery import Gallery
from contravox.inference.verifier import Verifier
from voices import pitch_verifier


@pytest.fixture
def gallery(client):
    """The gallery of the service, opened beside it."""
    place = client.app.state.service.gallery.database.name
    with Gallery.open(place, pitch_verifier(threshold=0.5, threshold_source="list A")) as opened:
        yield opened


def test_a_claim_is_answered_as_the_gallery_answers_it(client, gallery, wav):
    for name in ("Ann", "Bob"):
        response = client.verify("Ann", wav(name, 3), threshold="0.7")
        expected = asdict(gallery.verify_claim("Ann", wav(name, 3), threshold=0.7))
        assert response.status_code == 200
        assert response.json() == {**expected, "warnings": list(expected["warnings"])}
        assert response.json()["accepted"] is (name == "Ann")


def test_two_recordings_are_compared_as_the_verifier_compares_them(client, wav):
    files = {"recording": wav("Ann", 3), "reference": wav("Bob", 3)}
    told = client.post("/v1/verify", files=files).json()
    verifier: Verifier = pitch_verifier(threshold=0.5, threshold_source="list A")
    expected = verifier.verify(files["reference"], files["recording"]).to_dict()
    assert told["score"] == expected["score"]
    assert told["same_speaker"] is False
    assert [each.pop("recording") for each in told["recordings"]] == ["reference", "recording"]
    for heard, known in zip(told.pop("recordings"), expected.pop("recordings"), strict=True):
        known.pop("recording")
        assert heard == known
    assert told == {**expected, "warnings": []}


def test_a_voice_is_identified_as_the_gallery_does(client, gallery, wav):
    told = client.identify(wav("Bob", 3), top="2").json()
    expected = asdict(gallery.identify(wav("Bob", 3), top=2))
    assert told["speaker"] == "Bob"
    assert told == {
        **expected,
        "matches": list(expected["matches"]),
        "warnings": list(expected["warnings"]),
    }
    assert client.identify(wav("Cid", 3)).json()["speaker"] is None


def test_health_tells_the_model_and_how_many_are_enrolled(client):
    told = client.get("/health").json()
    assert told.pop("version")
    assert told == {
        "status": "ok",
        "model": "pitch.onnx",
        "fingerprint": "a" * 32,
        "speakers": 2,
        "decides": True,
    }


def test_without_a_threshold_nothing_is_decided_and_health_says_so(started, wav):
    client = started(verifier=pitch_verifier())
    assert client.get("/health").json()["decides"] is False
    client.enrol("Ann", wav("Ann", 1))
    assert client.verify("Ann", wav("Ann", 2)).json()["accepted"] is None


def test_the_page_is_served_and_asks_nothing_of_other_hosts(client):
    page = client.get("/")
    assert page.status_code == 200
    assert "contravox" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    for name in ("../app.py", "%2e%2e/app.py", "..%2fapp.py", "%2fetc%2fpasswd"):
        assert client.get(f"/page/{name}").status_code == 404


def test_no_page_of_other_hosts_describes_it_but_the_description_is_there(client):
    assert client.get("/docs").status_code == 404
    assert client.get("/redoc").status_code == 404
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/verify", "/v1/enrol", "/v1/identify", "/v1/speakers", "/health"} <= set(paths)


def test_a_service_needs_no_pytorch():
    code = "import sys; sys.modules['torch'] = None; import contravox.service.server"
    subprocess.run([sys.executable, "-c", code], check=True)

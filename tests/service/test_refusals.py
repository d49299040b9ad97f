import threading

import numpy as np
import pytest

from contravox.errors import GalleryError, OutlierError
from contravox.gallery.results import Outlier
from contravox.service.refusals import refusal_of
from databases import new_database, postgresql_server


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"threshold": "nan"}, "threshold: input should be a finite number"),
        ({"threshold": "x"}, "threshold: input should be a valid number"),
        ({"prior": "0"}, "prior: input should be greater than 0"),
        ({"prior": "1"}, "prior: input should be less than 1"),
        ({"miss_cost": "-1"}, "miss_cost: "),
        ({"channel": "both"}, "channel: "),
        ({"allow_unfit": "perhaps"}, "allow_unfit: "),
    ],
)
def test_a_field_that_is_wrong_is_named(client, wav, fields, said):
    response = client.verify("Ann", wav("Ann"), **fields)
    assert response.status_code == 422
    assert response.json()["error"]["kind"] == "field"
    assert response.json()["error"]["message"].startswith(said)


def test_what_is_missing_is_named(client, wav):
    response = client.post("/v1/verify", data={"speaker": "Ann"}, files={"other": wav("Ann")})
    assert response.json()["error"]["message"] == "recording: field required"
    response = client.post("/v1/verify", files={"recording": wav("Ann")})
    assert response.json()["error"]["message"] == "give a speaker, or a reference: one of both"
    response = client.post("/v1/verify", data={"recording": "x"}, files={"a": b"x"})
    assert response.json()["error"]["message"] == "recording: a file is needed"


def test_a_prior_without_a_calibration_says_nothing_and_is_refused(client, wav):
    response = client.verify("Ann", wav("Ann"), prior="0.1")
    assert (response.status_code, response.json()["error"]["kind"]) == (422, "decision")


@pytest.mark.parametrize("stated", ["prior", "miss_cost", "false_alarm_cost"])
def test_a_threshold_beside_what_a_calibration_decides_by_is_refused(client, wav, stated):
    response = client.verify("Ann", wav("Ann"), threshold="0.5", **{stated: "0.5"})
    assert (response.status_code, response.json()["error"]["kind"]) == (422, "field")
    assert response.json()["error"]["message"].endswith("by a calibration: give one")


def test_options_of_the_command_line_are_fields_here(client, wav):
    told = client.verify("Ann", wav("Ann", seconds=0.2)).json()["error"]["message"]
    assert "pass allow_unfit to" in told


def test_outliers_are_told_and_nothing_is_stored(client, wav):
    response = client.enrol("Eve", wav("Ann", 1), wav("Ann", 2), wav("Dee", 1))
    assert response.status_code == 409
    error = response.json()["error"]
    assert error["kind"] == "outliers"
    assert "recording 3" in [each["recording"] for each in error["outliers"]]
    assert client.names()[0] == ["Ann", "Bob"]
    added = client.enrol("Eve", wav("Ann", 1), wav("Ann", 2), wav("Dee", 1), allow_outliers="true")
    assert (added.status_code, added.json()["added"]) == (201, 3)


def test_who_is_unknown_is_told_without_the_place_of_the_gallery(client, wav, tmp_path):
    response = client.verify("Zoe", wav("Ann"))
    assert (response.status_code, response.json()["error"]["kind"]) == (404, "unknown_speaker")
    assert str(tmp_path) not in response.text


def test_a_gallery_that_fails_is_for_the_log_not_for_the_client(client, wav, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise GalleryError(f"{tmp_path}: is damaged")

    monkeypatch.setattr(client.app.state.service.gallery, "identify", fail)
    response = client.identify(wav("Ann"))
    assert (response.status_code, response.json()["error"]["kind"]) == (500, "service")
    assert str(tmp_path) not in response.text


def test_what_was_not_foreseen_is_told_by_its_number_alone(client, wav, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("secret")

    monkeypatch.setattr(client.app.state.service.gallery, "identify", fail)
    response = client.identify(wav("Ann"))
    assert (response.status_code, response.json()["error"]["kind"]) == (500, "unforeseen")
    assert "secret" not in response.text
    assert response.headers["x-request-id"] in response.text
    assert response.headers["x-content-type-options"] == "nosniff"


def test_an_error_has_a_line():
    refusal = refusal_of(OutlierError("a\nb", [Outlier("x", np.float32(1), None)]))
    assert (refusal.status, refusal.kind) == (409, "outliers")


def test_a_database_that_stops_and_starts_under_load_is_told_and_taken_up_again(started, wav):
    server = postgresql_server()
    try:
        place = new_database(server)
        client = started(place=place, at_work=2, queue=50)
        # Another service of the same gallery, which sees what this one changes.
        other = started(place=place)
        assert client.enrol("Ann", wav("Ann", 1)).status_code == 201
        ask_until, answers = threading.Event(), []

        def ask():
            while not ask_until.is_set():
                answers.append(client.verify("Ann", wav("Ann", 3)))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for each in threads:
            each.start()
        server.stop()
        refused = [client.verify("Ann", wav("Ann", 3)), client.enrol("Bob", wav("Bob", 1))]
        refused += [client.get("/v1/speakers"), client.get("/health")]
        server.start()
        ask_until.set()
        for each in threads:
            each.join()
        for each in refused:
            assert (each.status_code, each.json()["error"]["kind"]) == (503, "gallery_unavailable")
            assert int(each.headers["retry-after"]) > 0
            assert "postgres" not in each.text.lower()
        assert {each.status_code for each in answers} <= {200, 503}
        assert client.verify("Ann", wav("Ann", 3)).json()["accepted"] is True
        assert client.enrol("Bob", wav("Bob", 1)).status_code == 201
        assert other.identify(wav("Bob", 2)).json()["speaker"] == "Bob"
        assert other.delete("/v1/speakers/Bob").status_code == 204
        assert client.identify(wav("Bob", 2)).json()["speaker"] is None
    finally:
        server.cleanup()

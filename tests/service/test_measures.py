import re


def test_requests_are_counted_by_route_and_status_and_no_name_is_told(client, wav):
    client.verify("Ann", wav("Ann", 3))
    client.verify("Zoe", wav("Ann", 3))
    client.get("/nothing/Ann")
    client.request("ANYTHING", "/nothing")
    told = client.get("/metrics")
    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    counts = dict(re.findall(r"^contravox_requests_total\{(.*)\} (\S+)$", told.text, re.MULTILINE))
    assert counts == {
        'method="POST",route="/v1/enrol",status="201"': "2.0",
        'method="POST",route="/v1/verify",status="200"': "1.0",
        'method="POST",route="/v1/verify",status="404"': "1.0",
        'method="GET",route="other",status="404"': "1.0",
        'method="other",route="other",status="404"': "1.0",
    }
    assert 'contravox_refused_total{kind="unknown_speaker"} 1.0' in told.text
    assert 'contravox_request_seconds_count{route="/v1/verify"} 2.0' in told.text
    assert "Ann" not in told.text
    assert "Zoe" not in told.text

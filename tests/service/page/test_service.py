import numpy as np
import soundfile

from contravox.service.limits import Limits

RECORDER = "#identify .recorder"


def test_a_busy_service_says_how_long_to_wait(page, service, voice_file):
    page.open(service.base, "identify")
    page.choose(RECORDER, voice_file("Ann"))
    service.service.queue.inside += service.service.queue.places
    told = page.send("identify")
    assert "The service is busy: wait" in told
    assert "and try again" in told
    service.service.queue.inside = 0
    assert page.send("identify").startswith("Nobody is enrolled")


def test_what_is_no_recording_is_refused_and_the_reason_told(page, service, tmp_path):
    service.enrol("Ann")
    page.open(service.base, "identify")
    (tmp_path / "text.wav").write_text("no sound")
    page.choose(RECORDER, tmp_path / "text.wav")
    assert "cannot show it" in page.text(f"{RECORDER} .take")
    assert "cannot be read as audio" in page.send("identify")
    soundfile.write(tmp_path / "silent.wav", np.zeros(32_000), 16_000)
    page.choose(RECORDER, tmp_path / "silent.wav")
    assert "silent" in page.send("identify")


def test_what_is_too_long_is_refused(page, serve, voice_file):
    served = serve(limits=Limits(longest=2.0), threshold=0.5)
    served.enrol("Ann")
    page.open(served.base, "identify")
    page.choose(RECORDER, voice_file("Ann", seconds=3.0))
    assert "2 s" in page.send("identify")


def test_a_service_that_is_gone_is_said_to_be(page, service, voice_file):
    page.open(service.base, "identify")
    page.choose(RECORDER, voice_file("Ann"))
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    try:
        assert "The service does not answer" in page.send("identify")
    finally:
        back = offline | {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
        page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", back)

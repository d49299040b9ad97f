import pytest

from contravox.service.limits import Limits
from voices import said_by

RECORDER = "#verify .recorder"


@pytest.fixture
def unheard(page, serve):
    """The page of a service that listens to nobody, where a claim to be Ann is filled in."""
    served = serve(limits=Limits(listeners=0), threshold=0.5)
    served.enrol("Ann")
    page.open(served.base, "verify")
    page.fill("#verify input[name=speaker]", "Ann")
    page.says(said_by("Ann"))
    return page


def test_where_the_service_does_not_listen_a_claim_is_verified_at_the_end(unheard):
    unheard.begin(RECORDER)
    unheard.until(lambda: "once the recording ends" in unheard.text("#verify .outcome"))
    unheard.hear(RECORDER, 1.5)
    unheard.press(f"{RECORDER} .record")
    assert unheard.answer("verify").startswith("Accepted as Ann")


def test_a_microphone_faster_than_the_service_listens_is_no_obstacle(unheard):
    told = unheard.script(
        """const { Listening } = await import("/page/listening.js");
        const listening = new Listening("Ann", 96000, () => {});
        listening.send(new Float32Array(8));
        listening.end();
        return listening.ended.catch((error) => error.kind);"""
    )
    assert told == "too_fast"

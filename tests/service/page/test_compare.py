import pytest

FIRST, SECOND = (f"#compare .recorder:nth-of-type({number})" for number in (1, 2))


@pytest.mark.parametrize(
    ("other", "answer"), [("Ann", "The same speaker"), ("Bob", "Different speakers")]
)
def test_two_recordings_are_compared(page, service, voice_file, other, answer):
    page.open(service.base, "compare")
    page.choose(FIRST, voice_file("Ann", seconds=1.5))
    page.choose(SECOND, voice_file(other, 1))
    told = page.send("compare")
    assert told.startswith(answer)
    assert "First recording: only 1.5 s of speech" in told


def test_odds_are_told_by_a_calibrated_model(page, serve, voice_file, calibrated):
    served = serve(**calibrated)
    page.open(served.base, "compare")
    files = voice_file("Ann"), voice_file("Ann", 1)
    for recorder, file in zip((FIRST, SECOND), files, strict=True):
        page.choose(recorder, file)
    verified = served.gallery.verifier.verify(*files)
    told = page.send("compare")
    assert f"{verified.probability:.1%}".replace("%", " %") in told
    page.press("#compare summary")
    assert f"(log-likelihood ratio {verified.log_likelihood_ratio:.2f})" in page.text(
        "#compare details"
    )


def test_the_recording_that_is_missing_is_asked_for(page, service, voice_file):
    page.open(service.base, "compare")
    page.choose(FIRST, voice_file("Ann"))
    page.press("#compare button.primary")
    page.until(lambda: page.all(f"{SECOND} .fault:not(:empty)"))
    assert page.text(f"{SECOND} .fault") == "Record something, or choose a file."
    assert page.all(f"{SECOND} .record:focus")

def test_a_microphone_that_is_not_allowed_is_said_to_be(page, service):
    page.open(service.base, "verify")
    page.microphone(allowed=False)
    page.press("#verify .record")
    page.until(lambda: page.all("#verify .fault:not(:empty)"))
    assert "The microphone is not allowed" in page.text("#verify .fault")
    assert page.text("#verify .word") == "Record"
    page.microphone(allowed=True)
    page.begin("#verify .recorder")
    page.press("#verify .record")
    page.until(lambda: page.all("#verify .take"))
    assert not page.text("#verify .fault")

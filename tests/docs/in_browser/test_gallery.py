"""Who is enrolled, and for how long."""


def test_who_is_enrolled_is_kept_by_this_tab_until_deleted(opened, said):
    opened.task("enrol")
    opened.fill("#enrol input[name=speaker]", " Ann ")
    opened.choose("#enrol .recorder", *said["Ann"][:2])
    assert opened.send("enrol").startswith("Ann is enrolled")
    opened.choose("#enrol .recorder", said["Ann"][0])
    opened.fill("#enrol input[name=speaker]", "Ann")
    assert "1 recording known already" in opened.send("enrol")
    opened.open(opened.base, "speakers")
    opened.until(lambda: opened.text("#found") == "1 enrolled.")
    first = opened.driver.current_window_handle
    opened.driver.switch_to.new_window("tab")
    opened.open(opened.base, "speakers")
    opened.until(lambda: opened.text("#found") == "Nobody is enrolled yet.")
    opened.driver.close()
    opened.driver.switch_to.window(first)
    opened.press('[aria-label="Delete Ann"]')
    opened.press("#delete-dialog .danger")
    opened.until(lambda: opened.text("#found") == "Nobody is enrolled yet.")
    kept = opened.driver.execute_script("return JSON.stringify({ ...sessionStorage })")
    assert "Ann" not in kept
    assert opened.driver.execute_script("return localStorage.length") == 0


def test_another_voice_among_those_enrolled_is_told_of_first(opened, said):
    opened.task("enrol")
    opened.fill("#enrol input[name=speaker]", "Ann")
    opened.choose("#enrol .recorder", *said["Ann"][:3], said["Bob"][0])
    answer = opened.send("enrol")
    assert answer.startswith("Nothing was stored Bob 0.wav does not sound like the others")
    opened.press("#enrol .card > button")
    assert opened.answer("enrol").startswith("Ann is enrolled 4 recordings added")

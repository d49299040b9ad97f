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


def test_a_sound_that_does_not_start_is_told(page, service):
    """As in Firefox on a machine without loudspeakers."""
    page.open(service.base, "compare")
    page.script(
        """window.start = AudioContext.prototype.resume;
        AudioContext.prototype.resume = () => new Promise(() => {});
        const asked = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wanted) => {
          window.heard = await asked(wanted);
          return window.heard;
        };"""
    )
    page.press("#compare .record")
    page.until(lambda: page.all("#compare .fault:not(:empty)"))
    assert "The browser's sound does not start" in page.text("#compare .fault")
    assert page.text("#compare .word") == "Record"
    ended = "return window.heard.getTracks().every((track) => track.readyState === 'ended')"
    assert page.driver.execute_script(ended)
    page.driver.execute_script("AudioContext.prototype.resume = window.start")
    page.begin("#compare .recorder")
    page.press("#compare .record")
    page.until(lambda: page.all("#compare .take"))


def test_a_recording_that_nobody_waits_for_any_more_does_not_begin(page, service):
    page.open(service.base, "verify")
    page.script(
        """const asked = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wanted) => {
          document.getElementById("speakers-tab").click();
          window.heard = await asked(wanted);
          return window.heard;
        };"""
    )
    page.press("#verify .record")
    ended = "return window.heard?.getTracks().every((track) => track.readyState === 'ended')"
    page.until(lambda: page.driver.execute_script(ended))
    page.task("verify")
    assert page.text("#verify .word") == "Record"
    assert not page.all("#verify .take")


def test_a_microphone_that_is_lost_ends_the_recording(page, service):
    page.open(service.base, "identify")
    page.script(
        """const asked = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wanted) => {
          window.heard = await asked(wanted);
          return window.heard;
        };"""
    )
    page.begin("#identify .recorder")
    page.hear("#identify .recorder", 0.5)
    page.driver.execute_script("window.heard.getTracks()[0].dispatchEvent(new Event('ended'))")
    page.until(lambda: page.all("#identify .take"))
    assert not page.all("#identify .recorder.recording")

import soundfile

from voices import said_by

RECORDER = "#identify .recorder"


def test_what_was_chosen_is_sent_even_where_the_file_changes_meanwhile(page, service, tmp_path):
    service.enrol("Ann", "Bob")
    page.open(service.base, "identify")
    path = tmp_path / "who.wav"
    soundfile.write(path, *said_by("Ann"))
    page.choose(RECORDER, path)
    soundfile.write(path, *said_by("Bob", 1, 1.5))
    assert page.send("identify").startswith("It is Ann")


def test_what_is_dropped_is_taken(page, service, voice_file):
    page.open(service.base, "identify")
    page.drop(RECORDER, voice_file("Ann"))
    assert page.text(f"{RECORDER} .title").startswith("Ann 0.wav 3.0 s")
    page.drop(RECORDER, voice_file("Bob"))
    assert page.texts(f"{RECORDER} .title bdi") == ["Bob 0.wav"]


def test_formats_that_a_browser_reads_are_drawn(page, service, voice_file, tmp_path):
    page.open(service.base, "identify")
    samples, rate = said_by("Ann")
    for suffix in ("flac", "ogg", "mp3"):
        path = tmp_path / f"who.{suffix}"
        soundfile.write(path, samples, rate)
        page.choose(RECORDER, path)
        assert (
            page.find(f"{RECORDER} canvas")
            .get_attribute("aria-label")
            .startswith(f"Spectrogram of who.{suffix}: 2.5 seconds, up to 8 kHz")
        )

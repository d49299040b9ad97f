"""The tasks of the page, one after another, on what people said to a microphone."""

import numpy as np
import pytest

from contravox.audio.waveform import read_audio
from real_voices import spectrum_verifier

CLAIMED, OTHER = "fclc", "mmkw"


@pytest.fixture
def recordings(speech):
    """Utterances by speaker."""
    folders = sorted(each for each in (speech / "an4").iterdir() if each.is_dir())
    return {each.name: sorted(each.glob("*.flac")) for each in folders}


@pytest.mark.speech
def test_real_people_are_enrolled_told_apart_and_forgotten(page, serve, recordings):
    learned_on = {name: paths[:8] for name, paths in recordings.items()}
    said = {}
    for name in (CLAIMED, OTHER):
        del learned_on[name]
        waveforms = [read_audio(path) for path in recordings[name]]
        half = len(waveforms) // 2
        said[name] = [np.concatenate(each) for each in (waveforms[:half], waveforms[half:])]
    served = serve(spectrum_verifier(learned_on, threshold=0.2))
    page.open(served.base, "enrol")
    for name in (CLAIMED, OTHER):
        page.fill("#enrol input[name=speaker]", name)
        page.says((said[name][0], 16_000))
        page.record("#enrol .recorder", 4.0)
        assert page.send("enrol").startswith(f"{name} is enrolled")

    page.task("verify")
    page.fill("#verify input[name=speaker]", CLAIMED)
    for name, answer in ((CLAIMED, "Accepted"), (OTHER, "Not accepted")):
        page.says((said[name][1], 16_000))
        page.record("#verify .recorder", 4.0)
        assert page.answer("verify").startswith(f"{answer} as {CLAIMED}")

    page.task("identify")
    page.record("#identify .recorder", 4.0)
    assert page.send("identify").startswith(f"It is {OTHER}")

    page.task("speakers")
    page.press(f'[aria-label="Delete {OTHER}"]')
    page.press("#delete-dialog .danger")
    page.until(lambda: page.text("#found") == "1 enrolled.")
    assert [each.name for each in served.gallery.speakers()] == [CLAIMED]

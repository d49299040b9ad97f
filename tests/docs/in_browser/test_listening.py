"""A claim verified while somebody speaks."""

import numpy as np
import pytest
import soundfile

from contravox.audio.waveform import read_audio


def test_the_microphone_enrols_and_verifies_while_somebody_speaks(opened, server, said):
    voices = {
        name: np.concatenate([soundfile.read(path)[0] for path in paths])
        for name, paths in said.items()
    }
    opened.task("enrol")
    opened.fill("#enrol input[name=speaker]", "Ann")
    opened.says((voices["Ann"], 16_000))
    opened.record("#enrol .recorder", 4.0)
    assert opened.send("enrol").startswith("Ann is enrolled 1 recording added")
    opened.task("verify")
    opened.fill("#verify input[name=speaker]", "Ann")
    for name, answer in (("Ann", "Accepted as Ann"), ("Bob", "Not accepted as Ann")):
        opened.says((voices[name], 16_000))
        opened.begin("#verify .recorder")
        opened.until(lambda: "of speech heard so far" in opened.text("#verify .outcome"))
        opened.hear("#verify .recorder", 4.0)
        opened.press("#verify .record")
        assert opened.answer("verify").startswith(answer)
    assert {method for method, _ in server.asked} == {"GET"}


@pytest.mark.speech
def test_real_voices_are_told_apart(opened, speech):
    folders = sorted(each for each in (speech / "an4").iterdir() if each.is_dir())
    claimed, other = (sorted(folder.glob("*.flac")) for folder in folders[:2])
    spoken = [
        np.concatenate([read_audio(path) for path in paths[:6]]) for paths in (claimed, other)
    ]
    again = np.concatenate([read_audio(path) for path in claimed[6:]])
    opened.task("enrol")
    opened.fill("#enrol input[name=speaker]", "claimed")
    opened.says((spoken[0], 16_000))
    opened.record("#enrol .recorder", 5.0)
    assert opened.send("enrol").startswith("claimed is enrolled")
    opened.task("verify")
    opened.fill("#verify input[name=speaker]", "claimed")
    for waveform, answer in ((again, "Accepted"), (spoken[1], "Not accepted")):
        opened.says((waveform, 16_000))
        opened.record("#verify .recorder", 5.0)
        assert opened.answer("verify").startswith(f"{answer} as claimed")

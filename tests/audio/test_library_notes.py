import os
import sys
import threading

import numpy as np
import pytest
import soundfile

from contravox.audio.library_notes import without_notes
from contravox.audio.waveform import read_audio
from contravox.errors import AudioError
from tones import tone


def damaged(folder):
    """MP3 files, and what is called so, that libmpg123 has something to say about."""
    noise = np.random.default_rng(0)
    soundfile.write(folder / "whole.mp3", tone(2.0, 150), 16_000)
    whole = (folder / "whole.mp3").read_bytes()
    middle = len(whole) // 2
    return {
        "noise.mp3": noise.bytes(20_000),
        "page.mp3": b"<html>not found</html>\n" * 100,
        "frame.mp3": b"\xff\xfb\x90\x64" + noise.bytes(9000),
        "cut.mp3": whole[:middle],
        "broken.wav": whole[: middle - 1000] + noise.bytes(2000) + whole[middle + 1000 :],
    }


@pytest.mark.parametrize("name", ["noise.mp3", "page.mp3", "frame.mp3", "cut.mp3", "broken.wav"])
def test_damaged_mp3_is_one_error_and_nothing_printed(tmp_path, capfd, name):
    path = tmp_path / name
    path.write_bytes(damaged(tmp_path)[name])
    with pytest.raises(AudioError, match=r"format not recognised|cannot be decoded|cut short"):
        read_audio(path)
    assert capfd.readouterr().err == ""


def test_what_others_print_is_passed_on_in_order(capfd):
    def speak(number):
        for line in range(20):
            with without_notes():
                os.write(2, b"Note: Illegal Audio-MPEG-Header 0x0 at offset 1.\n")
                os.write(2, f"{number} {line}\n".encode())
                os.write(2, b"[src/libmpg123/parse.c:wetwork():1349] error: Giving up\n")

    threads = [threading.Thread(target=speak, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"after\n")
    lines = capfd.readouterr().err.splitlines()
    assert lines[-1] == "after"
    assert len(lines) == 81
    for number in range(4):
        spoken = [line for line in lines if line.startswith(f"{number} ")]
        assert spoken == [f"{number} {line}" for line in range(20)]


def test_a_process_without_an_error_stream_opens_files_in_its_place(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.mp3", tone(1.0, 150), 16_000)
    monkeypatch.setattr(sys, "__stderr__", None)
    held = os.dup(2)
    os.close(2)
    try:
        assert len(read_audio(tmp_path / "a.mp3"))
    finally:
        os.dup2(held, 2)
        os.close(held)

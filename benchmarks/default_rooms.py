"""Impulse responses for training: rooms by simulation, and recorded devices alone and in rooms."""

from pathlib import Path

import numpy as np
import soundfile

from contravox.audio.waveform import AUDIO_SUFFIXES, SAMPLE_RATE, read_audio
from contravox.augmentation.rooms import draw_room, impulse_response
from contravox.corpora.preparation import prepare_corpus

ROOMS = 400
"""Of which every second is heard through a device."""
DECAY_TIMES = (0.1, 0.7)


def prepare_rooms(recorded: Path, output: Path) -> None:
    """Write the responses as WAV, and ``rooms/manifest.tsv``. recorded: a tree of responses."""
    manifest = output / "rooms" / "manifest.tsv"
    if manifest.exists():
        return
    folder = output / "responses"
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(0)
    devices = [
        read_audio(path, channel="left")
        for path in sorted(recorded.rglob("*"))
        if path.suffix.lower() in AUDIO_SUFFIXES
    ]
    responses = list(devices)
    for number in range(ROOMS):
        response = impulse_response(draw_room(generator, DECAY_TIMES), generator)
        if number % 2:
            device = devices[generator.integers(len(devices))]
            response = np.convolve(response, device[np.abs(device).argmax() :][: SAMPLE_RATE // 4])
        responses.append(response)
    for number, response in enumerate(responses):
        scaled = response / np.abs(response).max()
        soundfile.write(folder / f"{number:03d}.wav", scaled, SAMPLE_RATE, subtype="FLOAT")
    prepare_corpus("responses", folder, manifest.parent)

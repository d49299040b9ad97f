"""eSpeak NG, a formant synthesiser, spoken through its C library in a process of its own.

eSpeak keeps state from one utterance to the next that nothing resets, not even its own shutdown:
only a fresh process speaks the same sentences to the same samples. A process of its own also
survives eSpeak's crashes, keeps what it prints away from ours, and does not mind forks.
"""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contravox.errors import AudioError, MissingExtraError

ESPEAK_SAMPLE_RATE = 22_050
"""Samples per second of eSpeak's formant voices."""

# Constants of espeak-ng/speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_RATE, _PITCH, _RANGE = 1, 3, 4
_CHARS_UTF8 = 1
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True)
class Prompt:
    """A sentence and how to speak it.

    pitch, pitch_range: 0 to 100, where 50 is the voice's own; rate: words per minute, 80 to 450.
    """

    text: str
    pitch: int
    pitch_range: int
    rate: int


def speak(voice: str, prompts: Sequence[Prompt]) -> list[NDArray[np.int16]]:
    """Speak prompts one after the other, in a fresh process: the same prompts, the same samples.

    voice: a language, or a language and a variant: ``en-us+f3``.

    Returns (samples,) at 22,050 Hz for each prompt.

    Raises MissingExtraError where eSpeak is not installed, AudioError where it fails.
    """
    if find_spec("espeakng_loader") is None:
        raise MissingExtraError(
            "synthetic voices need eSpeak NG, which is not here: pip install 'contravox[demo]'"
        )
    request = json.dumps({"voice": voice, "prompts": [asdict(prompt) for prompt in prompts]})
    answer = subprocess.run(
        [sys.executable, "-m", "contravox.demo.espeak"],
        input=request.encode(),
        capture_output=True,
        check=False,
    )
    if answer.returncode:
        said = answer.stderr.decode(errors="replace").strip().splitlines() or ["nothing said"]
        raise AudioError(
            f"eSpeak NG failed on the voice {voice} with exit {answer.returncode} ({said[-1]}): "
            "pip install --force-reinstall espeakng-loader"
        )
    header, _, samples = answer.stdout.partition(b"\n")
    ends = np.cumsum(json.loads(header))
    return np.split(np.frombuffer(samples, np.int16), ends[:-1])


def _main() -> None:
    """Read a request from standard input; write the prompts' lengths as JSON, then all samples."""
    # Whatever eSpeak prints goes to standard error: standard output belongs to the samples.
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        request = json.load(sys.stdin)
        spoken = _speak(request["voice"], [Prompt(**prompt) for prompt in request["prompts"]])
        output.write(json.dumps([len(samples) for samples in spoken]).encode() + b"\n")
        output.write(b"".join(samples.tobytes() for samples in spoken))


def _speak(voice: str, prompts: Sequence[Prompt]) -> list[NDArray[np.int16]]:
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    # eSpeak cuts long paths off, so its data is named from where it lies.
    data = Path(espeakng_loader.get_data_path())
    os.chdir(data.parent)
    rate = library.espeak_Initialize(
        _AUDIO_OUTPUT_SYNCHRONOUS, 0, os.fsencode(data.name), _INITIALIZE_DONT_EXIT
    )
    if rate != ESPEAK_SAMPLE_RATE:
        sys.exit(f"eSpeak NG did not start: it answered {rate}")
    # Breathy voices hold noise, which eSpeak would seed with the time of day.
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))
    chunks: list[NDArray[np.int16]] = []

    @_CALLBACK
    def receive(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _: int) -> int:
        if samples and count > 0:
            chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    library.espeak_SetSynthCallback(receive)
    if library.espeak_SetVoiceByName(voice.encode()):
        sys.exit("no such voice")
    spoken = []
    for prompt in prompts:
        chunks.clear()
        library.espeak_SetParameter(_RATE, prompt.rate, 0)
        library.espeak_SetParameter(_PITCH, prompt.pitch, 0)
        library.espeak_SetParameter(_RANGE, prompt.pitch_range, 0)
        text = prompt.text.encode() + b"\0"
        status = library.espeak_Synth(text, len(text), 0, 0, 0, _CHARS_UTF8, None, None)
        if status or library.espeak_Synchronize():
            sys.exit(f"it could not speak {prompt.text!r}")
        spoken.append(np.concatenate([np.zeros(0, np.int16), *chunks]))
    return spoken


if __name__ == "__main__":
    _main()

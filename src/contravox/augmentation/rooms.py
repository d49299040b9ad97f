"""Simulated rooms: impulse responses that turn dry speech into speech at a distance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contravox.audio.waveform import SAMPLE_RATE

SPEED_OF_SOUND = 343.0
"""Metres per second."""

EARLY_SECONDS = 0.04
"""How long reflections are followed one by one; later ones are too dense to tell from noise."""


@dataclass(frozen=True)
class Room:
    """A shoebox with one speaker and one microphone in it.

    size: (length, width, height) in metres; source, microphone: places in it, in metres from one
    corner; decay_time: seconds in which reverberation falls by 60 dB (RT60).
    """

    size: NDArray[np.float64]
    source: NDArray[np.float64]
    microphone: NDArray[np.float64]
    decay_time: float


def draw_room(generator: np.random.Generator, decay_times: tuple[float, float]) -> Room:
    """Draw a room between a small office and a hall, with a decay time in ``decay_times`` (s).

    Speaker and microphone stand at random places, at least 10 % of the room's size from a wall.
    """
    size = generator.uniform((3.0, 2.5, 2.4), (10.0, 8.0, 4.0))
    source, microphone = generator.uniform(0.1, 0.9, (2, 3)) * size
    return Room(size, source, microphone, generator.uniform(*decay_times))


def impulse_response(room: Room, generator: np.random.Generator) -> NDArray[np.float32]:
    """What the microphone hears of a click: (samples,) float32, as long as the decay time.

    The first 40 ms come from the image-source method (Allen & Berkley 1979, *Image method for
    efficiently simulating small-room acoustics*, eq. 10), with walls that reflect by −√(1 − α), a
    negative sign that keeps the response free of a growing offset (Lehmann & Johansson 2008); α is
    Eyring's absorption for the room's decay time. The rest is Gaussian noise of the images'
    expected energy, which decays by 60 dB per decay time.

    The direct sound is sample 0, so speech stays in its place, and the energy is 1.
    """
    length = max(round(room.decay_time * SAMPLE_RATE), 1)
    decay = 3 * np.log(10) / (room.decay_time * SAMPLE_RATE)  # of the amplitude, per sample
    direct = float(np.linalg.norm(room.source - room.microphone))
    delays, amplitudes = _images(room, direct + EARLY_SECONDS * SPEED_OF_SOUND)
    response = np.bincount(delays, amplitudes, minlength=length)[:length]
    tail = np.arange(round(EARLY_SECONDS * SAMPLE_RATE), length)
    if len(tail):
        # Images at distance r are 4πr²/V per metre and each brings 1/r² of energy.
        energy = 4 * np.pi * SPEED_OF_SOUND / (np.prod(room.size) * SAMPLE_RATE)
        travelled = tail + direct / SPEED_OF_SOUND * SAMPLE_RATE
        noise = generator.standard_normal(len(tail), dtype=np.float32)
        response[tail[0] :] = np.sqrt(energy) * np.exp(-decay * travelled) * noise
    return (response / np.linalg.norm(response)).astype(np.float32)


def _images(room: Room, reach: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Delays after the direct sound (samples) and amplitudes of all images nearer than ``reach``.

    Along each axis the image (n, p) of the source x lies at 2nL + (1 − 2p)x, and its sound has met
    the walls |n − p| + |n| times.
    """
    volume = np.prod(room.size)
    length, width, height = room.size
    surface = 2 * (length * width + width * height + height * length)
    # Eyring: decay time = 24 ln 10 · V / (−c S ln(1 − α)).
    log_reflection = -12 * np.log(10) * volume / (SPEED_OF_SOUND * surface * room.decay_time)
    squares, orders = [], []
    for side, source, microphone in zip(room.size, room.source, room.microphone, strict=True):
        most = int(reach / (2 * side)) + 1
        n = np.arange(-most, most + 1)[:, None]
        p = np.array([[0, 1]])
        squares.append(((2 * n * side + (1 - 2 * p) * source - microphone) ** 2).ravel())
        orders.append((np.abs(n - p) + np.abs(n)).ravel())
    x, y, z = np.ix_(*squares)
    distances = np.sqrt(x + y + z)
    x, y, z = np.ix_(*orders)
    near = distances < reach
    distances, order = distances[near], (x + y + z)[near]
    amplitudes = (-1.0) ** order * np.exp(order * log_reflection) / distances
    delays = (distances - distances.min()) / SPEED_OF_SOUND * SAMPLE_RATE
    return np.rint(delays).astype(np.int64), amplitudes


def reverberate(speech: NDArray[np.float32], response: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convolve (samples,) speech with an impulse response, cut to the length of the speech."""
    size = quick_length(len(speech) + len(response) - 1)
    product = np.fft.rfft(speech, size)
    product *= np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[: len(speech)].astype(np.float32, copy=False)


def quick_length(samples: int) -> int:
    """The next length that the fast Fourier transform likes, m·2^k, at most a fifth too long."""
    return min(m << max(0, int(np.ceil(np.log2(samples / m)))) for m in (1, 3, 5, 9, 15))

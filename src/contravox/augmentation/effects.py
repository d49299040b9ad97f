"""What is done to one segment, once drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contravox.augmentation.codecs import CodecName, through_codec
from contravox.augmentation.noise import mix_at_snr
from contravox.augmentation.rooms import reverberate

DRIVE = (1.0, 15.0)
"""dB by which a clipped recording was too loud: from barely heard to heavily distorted."""


@dataclass(frozen=True)
class Effects:
    """All that was drawn for a segment of so many samples; ``None`` leaves a step out.

    response: (taps,) of the room, its direct sound first. noise: (samples,), of no set level, to
    be added at ``snr`` dB. drive: how far into clipping, dB. codec: that the segment is sent
    through. gain: of the result, dB.
    """

    response: NDArray[np.float32] | None = None
    noise: NDArray[np.float32] | None = None
    snr: float = 0.0
    drive: float | None = None
    codec: CodecName | None = None
    gain: float = 0.0

    @property
    def distorts(self) -> bool:
        """Whether it does what only a worker can: all else is arithmetic that suits a GPU."""
        return self.drive is not None or self.codec is not None

    def apply(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Do to a (samples,) segment at 16 kHz what was drawn: as long, and in place in time.

        The result is scaled down where it would pass full scale; only ``drive`` clips it.
        """
        # As sound travels: the room reverberates the voice but not the noise beside the
        # microphone, the microphone overloads on both, the line carries what is left, and the far
        # end sets a level.
        heard = waveform
        if self.response is not None:
            heard = reverberate(heard, self.response)
        if self.noise is not None:
            heard = mix_at_snr(heard, self.noise, self.snr)
        if self.drive is not None:
            heard = clip(heard, self.drive)
        if self.codec is not None:
            heard = through_codec(heard, self.codec)
        gain = 10 ** (self.gain / 20)
        peak = gain * max(float(heard.max()), -float(heard.min()))
        return heard * np.float32(gain / max(peak, 1.0))


def clip(waveform: NDArray[np.float32], drive: float) -> NDArray[np.float32]:
    """Cut (samples,) off at ``drive`` dB under its peak; what stays below that is unchanged."""
    limit = np.float32(10 ** (-drive / 20) * np.abs(waveform).max())
    return waveform.clip(-limit, limit)

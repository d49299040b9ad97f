"""What is done to one segment, once drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contravox.augmentation.clipping import clip
from contravox.augmentation.codecs import CodecName, through_codec
from contravox.augmentation.noise import mix_at_snr
from contravox.augmentation.rooms import reverberate


@dataclass(frozen=True)
class Treatment:
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


def treat(waveform: NDArray[np.float32], treatment: Treatment) -> NDArray[np.float32]:
    """Do to a (samples,) segment at 16 kHz what was drawn: as long, and in place in time.

    The result is scaled down where it would pass full scale; only ``drive`` clips it.
    """
    # As sound travels: the room reverberates the voice but not the noise beside the microphone,
    # the microphone overloads on both, the line carries what is left, and the far end sets a level.
    treated = waveform
    if treatment.response is not None:
        treated = reverberate(treated, treatment.response)
    if treatment.noise is not None:
        treated = mix_at_snr(treated, treatment.noise, treatment.snr)
    if treatment.drive is not None:
        treated = clip(treated, treatment.drive)
    if treatment.codec is not None:
        treated = through_codec(treated, treatment.codec)
    gain = 10 ** (treatment.gain / 20)
    peak = gain * max(float(treated.max()), -float(treated.min()))
    return treated * np.float32(gain / max(peak, 1.0))

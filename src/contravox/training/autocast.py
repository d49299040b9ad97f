"""Mixed precision that rounds what layers compute, and not what they are given."""

from typing import Any

from lightning_fabric.plugins import MixedPrecision


class Autocast(MixedPrecision):
    """PyTorch's autocast on a kind of device, ``cpu`` or ``cuda``.

    Lightning's own rounds a step's inputs first: of a waveform bfloat16 keeps eight bits, whose
    noise lies over the weak high frequencies of speech, and which nobody hears in use. The
    front-end computes in float32, and autocast rounds for each layer what it takes.
    """

    def convert_input(self, data: Any) -> Any:
        return data

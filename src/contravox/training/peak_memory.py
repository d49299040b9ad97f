"""How much memory a piece of work needs at its height."""

from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
FORGET = Path("/proc/self/clear_refs")


class PeakMemory:
    """Measures from its making on, on a GPU what torch allocates, else the process's growth."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        self.before = self._peak(forget=True)

    def bytes(self) -> int | None:
        """The highest so far beyond what there was before; None where the system does not say."""
        peak = self._peak()
        return None if peak is None or self.before is None else peak - self.before

    def _peak(self, *, forget: bool = False) -> int | None:
        if self.device.type == "cuda":
            if forget:
                return torch.cuda.memory_allocated(self.device)
            return torch.cuda.max_memory_allocated(self.device)
        try:
            if forget:
                # 5 sets the peak to what is resident now (Linux: proc(5)).
                FORGET.write_text("5")
            lines = STATUS.read_text().splitlines()
        except OSError:
            return None
        [kibibytes] = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
        return 1024 * int(kibibytes)

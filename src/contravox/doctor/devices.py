"""What computes here: processors, and the accelerators that PyTorch finds."""

import os
import platform
from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """name: as PyTorch has it, such as cuda:0. memory: in bytes, or None where nothing tells."""

    name: str
    model: str
    memory: int | None


def devices() -> list[Device]:
    """The processor first. Without PyTorch it is all there is, as ONNX models run on it."""
    return [_processor(), *_accelerators()]


def _processor() -> Device:
    # Of a container, which may hold fewer than the machine.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    kind = platform.processor() or platform.machine()
    return Device("cpu", f"{kind}, {cores} core{'s' if cores != 1 else ''}", _memory())


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # Windows has no sysconf, others not these names.
    except (AttributeError, ValueError, OSError):
        return None


def _accelerators() -> list[Device]:
    try:
        import torch
    # It need not be installed; where it is and does not work, ``libraries`` tells why.
    except Exception:
        return []
    found = []
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        found.append(Device(f"cuda:{number}", properties.name, properties.total_memory))
    if torch.backends.mps.is_available():
        found.append(Device("mps", "Apple GPU", None))
    return found

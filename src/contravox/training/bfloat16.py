"""Whether this machine computes in bfloat16, or only imitates it."""

import warnings

import torch

from contravox.errors import TrainingWarning


def computes_bfloat16(device: torch.device) -> bool:
    """Whether ``training.precision=bf16-mixed`` can be quick there: on a GPU, or with AVX-512."""
    if device.type != "cpu":
        return True
    # What PyTorch itself asks before it hands a product to oneDNN; another version may not have it.
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return supported is None or supported()


def warn_of_imitated_bfloat16(precision: str, device: torch.device) -> None:
    """Warn with TrainingWarning where a recipe's precision would slow training down manifold."""
    if precision == "bf16-mixed" and not computes_bfloat16(device):
        warnings.warn(
            "training.precision: this processor has no instructions for bf16-mixed, which made a "
            "step 14 times slower on one such: set training.precision=32-true",
            TrainingWarning,
            stacklevel=2,
        )

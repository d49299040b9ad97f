"""Where bfloat16 is only imitated, training in it is warned of."""

import warnings
from types import SimpleNamespace

import pytest
import torch

from contravox.errors import TrainingWarning
from contravox.training.bfloat16 import computes_bfloat16, warn_of_imitated_bfloat16

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def processor(monkeypatch):
    """Sets what oneDNN says of the processor; None: this PyTorch cannot tell."""

    def says(supported):
        known = {} if supported is None else {"_is_mkldnn_bf16_supported": lambda: supported}
        monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace(**known))

    return says


def test_a_processor_without_the_instructions_is_warned_of(processor):
    processor(False)
    assert not computes_bfloat16(CPU)
    with pytest.warns(TrainingWarning, match="no instructions for bf16-mixed.*precision=32-true"):
        warn_of_imitated_bfloat16("bf16-mixed", CPU)


@pytest.mark.parametrize(
    ("supported", "precision", "device"),
    [
        (True, "bf16-mixed", CPU),
        (None, "bf16-mixed", CPU),
        (False, "32-true", CPU),
        (False, "bf16-mixed", GPU),
    ],
)
def test_elsewhere_nothing_is_said(processor, supported, precision, device):
    processor(supported)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_imitated_bfloat16(precision, device)

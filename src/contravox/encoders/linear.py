"""A linear layer whose products are made by oneDNN on a processor."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

# PyTorch's own, which another version of it need not have.
ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class Linear(nn.Linear):
    """``nn.Linear``, in half its time on processors that MKL does not know.

    PyTorch gives convolutions to oneDNN, but products of matrices in float32 to MKL, which on
    others' than Intel's processors leaves half of AVX-512 unused: of a core of an AMD EPYC (Zen 5)
    it made 100 GFLOP/s, oneDNN 210. Where there is no oneDNN, or the numbers are no float32 on a
    processor, it is ``nn.Linear``.
    """

    def forward(self, values: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        if not _suits_onednn(values, self.weight):
            return super().forward(values)
        return _OneDnnLinear.apply(values, self.weight, self.bias)


def _suits_onednn(values: Tensor, weight: Tensor) -> bool:
    return (
        ONEDNN
        and not torch.compiler.is_compiling()
        and values.device.type == "cpu"
        and values.ndim > 1
        and values.numel() > 0
        and values.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
    )


def _product(values: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(..., inputs) times (outputs, inputs) transposed, and the bias."""
    # What torch.compile makes of a linear layer, too.
    return torch.ops.mkldnn._linear_pointwise(values, weight, bias, "none", [], "")


class _OneDnnLinear(Function):
    """The product, and its gradients as three such products."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(values, weight)
        ctx.has_bias = bias is not None
        return _product(values, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        values, weight = ctx.saved_tensors
        rows = gradient.reshape(-1, weight.shape[0])
        of_values = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_values = _product(gradient, weight.T)
        if ctx.needs_input_grad[1]:
            of_weight = _product(rows.T, values.reshape(-1, weight.shape[1]).T)
        if ctx.has_bias and ctx.needs_input_grad[2]:
            of_bias = rows.sum(dim=0)
        return of_values, of_weight, of_bias

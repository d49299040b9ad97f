"""The precision that statistics and losses are computed in."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import torch
from torch import Tensor

P = ParamSpec("P")


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision to float32; float32 and float64 as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def full_precision(loss: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Compute ``loss`` in float32 with autocast off, or in float64 if any argument is float64.

    Exponentials of similarities over a temperature need more than the eight or eleven bits of a
    half-precision significand, whatever the encoder ran in. Integer tensors pass as they are.
    """

    @functools.wraps(loss)
    def in_full_precision(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        double = any(tensor.dtype == torch.float64 for tensor in tensors)
        dtype = torch.float64 if double else torch.float32

        def widen(value: Any) -> Any:
            is_float = isinstance(value, Tensor) and value.is_floating_point()
            return value.to(dtype) if is_float else value

        with torch.autocast(tensors[0].device.type, enabled=False):
            return loss(
                *(widen(value) for value in args),
                **{key: widen(value) for key, value in kwargs.items()},
            )

    return in_full_precision

"""Checks of the arguments of losses: each ValueError names the argument and its shape."""

import math
from collections.abc import Iterable

from torch import Tensor


def check_labelled(embeddings: Tensor, labels: Tensor) -> None:
    """Raise ValueError unless embeddings are (N, d), N > 0, finite, and labels are N integers."""
    if embeddings.ndim != 2 or len(embeddings) == 0:
        raise ValueError(f"embeddings: (N, d) with N > 0 expected, got {shape(embeddings)}")
    if labels.shape != embeddings.shape[:1] or labels.is_floating_point():
        raise ValueError(
            f"labels: {len(embeddings)} integers expected for embeddings of shape "
            f"{shape(embeddings)}, got {shape(labels)} of {labels.dtype}"
        )
    check_finite("embeddings", embeddings)


def check_vectors(name: str, vectors: Tensor) -> None:
    """Raise ValueError unless vectors are (N, d), N > 0 and d > 0."""
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise ValueError(f"{name}: (N, d) with N > 0 and d > 0 expected, got {shape(vectors)}")


def check_prototypes(embeddings: Tensor, labels: Tensor, prototypes: Tensor) -> None:
    """Raise ValueError unless prototypes are (K, d) or (K, C, d), finite, and labels are rows."""
    check_labelled(embeddings, labels)
    size = embeddings.shape[1]
    if prototypes.ndim not in (2, 3) or prototypes.shape[-1] != size or 0 in prototypes.shape[1:]:
        raise ValueError(
            f"prototypes: (K, {size}) or (K, C, {size}) with C > 0 expected for embeddings of "
            f"shape {shape(embeddings)}, got {shape(prototypes)}"
        )
    check_finite("prototypes", prototypes)
    check_classes(labels, "prototypes", prototypes)


def check_classes(labels: Tensor, name: str, vectors: Tensor) -> None:
    """Raise ValueError unless every label is a row of the class vectors, the argument ``name``."""
    lowest, highest = labels.aminmax()
    if lowest < 0 or highest >= len(vectors):
        raise ValueError(
            f"labels: from {int(lowest)} to {int(highest)}, but {name} of shape "
            f"{shape(vectors)} have classes 0 to {len(vectors) - 1}"
        )


def check_attention(attention: Tensor, labels: Tensor) -> None:
    """Raise ValueError unless attention is (N,) as labels are, finite and not negative."""
    if attention.shape != labels.shape:
        raise ValueError(f"attention: {shape(labels)} expected, got {shape(attention)}")
    check_finite("attention", attention)
    if attention.min() < 0:
        raise ValueError(f"attention: must not be negative, got {float(attention.min())}")


def check_views(embeddings: Tensor, least: int) -> None:
    """Raise ValueError unless embeddings are (N, views, d), N > 0, finite, of so many views."""
    if embeddings.ndim != 3 or len(embeddings) == 0 or embeddings.shape[1] < least:
        raise ValueError(
            f"embeddings: (N, views, d) with N > 0 and at least {least} views expected, "
            f"got {shape(embeddings)}"
        )
    check_finite("embeddings", embeddings)


def check_finite(name: str, values: Tensor) -> None:
    """Raise ValueError if any number of vectors (..., d) or (N,) is infinite or not a number."""
    # That a sum is finite is known sooner than that every number is, and nearly always says it.
    if values.sum().isfinite() or values.isfinite().all():
        return
    finite, what = values.isfinite(), "numbers"
    if values.ndim > 1:
        finite, what = finite.all(dim=-1), "vectors"
    rows = finite.logical_not().nonzero().tolist()
    first = rows[0][0] if len(rows[0]) == 1 else tuple(rows[0])
    raise ValueError(
        f"{name}: {len(rows)} {what} of shape {shape(values)} are not finite, the first at {first}"
    )


def check_angle(name: str, value: float) -> None:
    """Raise ValueError unless the value is an angle from 0 to π/2 radians."""
    if not 0 <= value <= math.pi / 2:
        raise ValueError(f"{name}: must be from 0 to π/2 radians, got {value}")


def check_positive(name: str, value: Tensor | float) -> None:
    """Raise ValueError unless the value is above zero."""
    if not value > 0:
        raise ValueError(f"{name}: must be positive, got {float(value)}")


def check_not_negative(name: str, value: float) -> None:
    """Raise ValueError unless the value is zero or above."""
    if not value >= 0:
        raise ValueError(f"{name}: must not be negative, got {value}")


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise ValueError unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name}: must be one of {', '.join(choices)}, got {value!r}")


def shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape of a tensor as it should read in a message."""
    return tuple(tensor.shape)

"""Checks of the arguments of losses: each ValueError names the argument and its shape."""

from torch import Tensor


def check_labelled(embeddings: Tensor, labels: Tensor) -> None:
    """Raise ValueError unless embeddings are (N, d), N > 0, and labels are N integers."""
    if embeddings.ndim != 2 or len(embeddings) == 0:
        raise ValueError(f"embeddings: (N, d) with N > 0 expected, got {shape(embeddings)}")
    if labels.shape != embeddings.shape[:1] or labels.is_floating_point():
        raise ValueError(
            f"labels: {len(embeddings)} integers expected for embeddings of shape "
            f"{shape(embeddings)}, got {shape(labels)} of {labels.dtype}"
        )


def check_prototypes(embeddings: Tensor, labels: Tensor, prototypes: Tensor) -> None:
    """Raise ValueError unless prototypes are (K, d) and every label is one of their rows."""
    check_labelled(embeddings, labels)
    if prototypes.ndim != 2 or prototypes.shape[1] != embeddings.shape[1]:
        raise ValueError(
            f"prototypes: (K, {embeddings.shape[1]}) expected for embeddings of shape "
            f"{shape(embeddings)}, got {shape(prototypes)}"
        )
    lowest, highest = labels.aminmax()
    if lowest < 0 or highest >= len(prototypes):
        raise ValueError(
            f"labels: from {int(lowest)} to {int(highest)}, but prototypes of shape "
            f"{shape(prototypes)} have classes 0 to {len(prototypes) - 1}"
        )


def check_views(embeddings: Tensor, least: int) -> None:
    """Raise ValueError unless embeddings are (N, views, d), N > 0, with at least so many views."""
    if embeddings.ndim != 3 or len(embeddings) == 0 or embeddings.shape[1] < least:
        raise ValueError(
            f"embeddings: (N, views, d) with N > 0 and at least {least} views expected, "
            f"got {shape(embeddings)}"
        )


def check_positive(name: str, value: Tensor | float) -> None:
    """Raise ValueError unless the value is above zero."""
    if not value > 0:
        raise ValueError(f"{name}: must be positive, got {float(value)}")


def shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape of a tensor as it should read in a message."""
    return tuple(tensor.shape)

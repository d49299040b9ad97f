"""Embeddings at length 1, whose inner products are cosines."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contravox.errors import ScoringError


def unit_rows(
    vectors: NDArray, name: str = "embeddings", rows: Sequence[str] | None = None
) -> NDArray[np.float32]:
    """Scale each row of ``vectors`` (n, d) to length 1, as float32.

    ``name`` says in an error what the array is, ``rows`` (n) what each row is.

    Raises ScoringError naming the row where one is zero or not finite, ValueError where the array
    is not (n, d).
    """
    vectors, lengths = finite_rows(vectors, name, rows)
    if not lengths.all():
        _refuse(lengths > 0, name, rows, "zero and has no direction")
    return vectors / lengths[:, None]


def finite_rows(
    vectors: NDArray, name: str = "embeddings", rows: Sequence[str] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give ``vectors`` (n, d) as float32, and their lengths (n,). Raises as ``unit_rows`` does."""
    if vectors.ndim != 2:
        raise ValueError(f"{name} must be (n, d), got {vectors.shape}")
    vectors = vectors.astype(np.float32, copy=False)
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    if not np.isfinite(lengths).all():
        _refuse(np.isfinite(lengths), name, rows, "not finite")
    return vectors, lengths


def _refuse(usable: NDArray[np.bool_], name: str, rows: Sequence[str] | None, fault: str) -> None:
    row = int(np.argmin(usable))
    called = f"row {row}" if rows is None else repr(rows[row])
    raise ScoringError(f"{name}: {called} is {fault}: embed it again")

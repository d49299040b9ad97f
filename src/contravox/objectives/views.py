"""Segments of a batch by speaker and view, for objectives that compare views."""

import torch
from torch import Tensor

from contravox.errors import RecipeError


def group_views(
    embeddings: Tensor, labels: Tensor, views: Tensor, *, least: int = 1, most: int | None = None
) -> Tensor:
    """Embeddings (N, d) of labels (N,) and views (N,) as (groups, views, d).

    Groups are in the order of their labels, the segments of a group in the order of their views.

    Raises RecipeError if labels have unequal numbers of segments, fewer than ``least`` or more
    than ``most``.
    """
    counts = torch.unique(labels, return_counts=True)[1]
    fewest, size = (int(count) for count in counts.aminmax())
    if fewest != size:
        raise RecipeError(
            f"needs the same number of segments of every speaker, but a batch has {fewest} of one "
            f"and {size} of another: use a sampler that draws equally many of each"
        )
    if size < least or (most is not None and size > most):
        wanted = f"{least}" if most == least else f"at least {least}"
        raise RecipeError(
            f"needs {wanted} segments of every speaker, but a batch has {size}: "
            "set the sampler to draw so many"
        )
    by_view = views.argsort(stable=True)
    order = by_view[labels[by_view].argsort(stable=True)]
    return embeddings[order].reshape(len(counts), size, -1)

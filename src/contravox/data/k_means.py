"""Clusters of embeddings by their directions, and what is nearest to what."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

ITERATIONS = 10
BLOCK = 2**26
"""Similarities held at a time: 256 MB."""


def k_means(
    units: Tensor, count: int, generator: np.random.Generator, device: torch.device | None = None
) -> tuple[Tensor, Tensor]:
    """Part vectors (n, d), each of length 1, into clusters by the cosine: spherical k-means.

    Each vector goes to the centroid of the highest cosine, each centroid becomes the direction of
    the sum of its vectors (Dhillon and Modha 2001). The first centroids are vectors drawn at
    random; it ends after ``ITERATIONS``, or once none changes its cluster. Products are made on
    ``device``, sums on the processor, which adds in one order.

    Ours, for scikit-learn's MiniBatchKMeans knows no cosine and no GPU, and is an extra dependency.

    Returns the cluster of each vector (n,), and the centroids (k, d), k at most ``count``: nobody
    is in a cluster that has become empty, so it is left out.
    """
    first = np.sort(generator.choice(len(units), size=min(count, len(units)), replace=False))
    centroids = units[torch.from_numpy(first)]
    clusters = None
    for _ in range(ITERATIONS):
        before, clusters = clusters, nearest(units, centroids, 1, device)[:, 0]
        if before is not None and torch.equal(before, clusters):
            break
        sums = torch.zeros_like(centroids).index_add_(0, clusters, units)
        centroids = torch.where(sums.any(dim=1, keepdim=True), F.normalize(sums), centroids)
    assert clusters is not None
    held, clusters = torch.unique(clusters, return_inverse=True)
    return clusters, centroids[held]


def nearest(
    units: Tensor,
    others: Tensor,
    count: int,
    device: torch.device | None = None,
    *,
    but_itself: bool = False,
) -> Tensor:
    """For each of (n, d) the rows (n, count) of those of others (m, d) with the highest cosines.

    All are of length 1. but_itself: row i of the others is row i itself and does not count.
    """
    others = others.to(device)
    rows = max(1, BLOCK // len(others))
    found = []
    for low in range(0, len(units), rows):
        cosines = units[low : low + rows].to(device) @ others.T
        if but_itself:
            cosines.diagonal(low).fill_(-torch.inf)
        found.append(cosines.topk(count, dim=1).indices.cpu())
    return torch.cat(found)

"""Positives cut from another utterance, which is probably of the same speaker."""

from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field, model_validator

from contravox.data.k_means import k_means, nearest
from contravox.errors import RecipeError
from contravox.settings import Count, Settings


class PositiveSettings(Settings):
    """The second segment of a pair comes from another utterance, found by its embedding.

    Segments of one utterance share its recording, too, and a network that is to bring them together
    learns recordings beside voices. Lepage and Dehak 2025 (SSPS, arXiv 2505.14561 and 2501.17772)
    take the positive from elsewhere: embeddings of all utterances, as the last epoch has seen them,
    are clustered; one of the clusters nearest to the anchor's is drawn, then one of its utterances.
    """

    from_epoch: Count = Field(
        5, description="so many epochs are trained with segments of one utterance before"
    )
    clusters: int | None = Field(
        None, ge=2, le=1_000_000, description="of all utterances; null: each is one of its own"
    )
    neighbours: int = Field(
        1,
        ge=0,
        le=10_000,
        description="clusters nearest to the anchor's own, of which one is drawn; 0: its own",
    )

    @model_validator(mode="after")
    def _others_to_draw(self) -> Self:
        if self.clusters is None and not self.neighbours:
            raise ValueError(
                "neighbours=0 draws from an utterance's own cluster, in which it is alone without "
                "clusters: set clusters, or neighbours to 1 or more"
            )
        if self.clusters is not None and self.neighbours >= self.clusters:
            raise ValueError(
                f"neighbours: a cluster has fewer than {self.neighbours} others among "
                f"{self.clusters}: lower it, or raise clusters"
            )
        return self

    def check(self, utterances: int) -> None:
        """Raise RecipeError where the training set has too few utterances for it."""
        clusters = self.clusters or utterances
        key, value = ("clusters", clusters) if self.clusters else ("neighbours", self.neighbours)
        if clusters > utterances or self.neighbours >= clusters:
            raise RecipeError(
                f"sampler.positives.{key} is {value} but the training manifest holds only "
                f"{utterances} utterances: lower it, or train on more"
            )


def draw_positives(
    vectors: NDArray[np.float32],
    settings: PositiveSettings,
    generator: np.random.Generator,
    device: torch.device | None = None,
) -> NDArray[np.int64]:
    """Draw another utterance for each by the directions of vectors (n, d): (n,) rows.

    An utterance's own row stands where there is none: its vector is 0, as it was not seen, or it is
    alone in the cluster drawn. What was not seen is nobody's positive.
    """
    seen = np.flatnonzero(vectors.any(axis=1))
    drawn = np.arange(len(vectors))
    if len(seen) < 2:
        return drawn
    units = F.normalize(torch.from_numpy(vectors[seen]), dim=1)
    if settings.clusters is None:
        own, centroids = np.arange(len(seen)), units
    else:
        clusters, centroids = k_means(units, settings.clusters, generator, device)
        own = clusters.numpy()
    chosen, most = own, min(settings.neighbours, len(centroids) - 1)
    if most:
        near = nearest(centroids, centroids, most, device, but_itself=True).numpy()
        chosen = near[own, generator.integers(most, size=len(own))]
    drawn[seen] = seen[_of_clusters(chosen, own, generator)]
    return drawn


def _of_clusters(
    chosen: NDArray[np.int64], own: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw a row, not the same, of the cluster chosen for each (n,), given its own (n,).

    The same row where its cluster has no other.
    """
    order = np.argsort(own, kind="stable")
    sizes = np.bincount(own)
    starts = np.cumsum(sizes) - sizes
    place = np.empty(len(own), np.int64)
    place[order] = np.arange(len(own)) - starts[own[order]]
    within = chosen == own
    others = sizes[chosen] - within
    drawn = (generator.random(len(own)) * others).astype(np.int64)
    # Of its own cluster all places but its own.
    drawn += within & (drawn >= place)
    rows = np.arange(len(own))
    return np.where(others > 0, order[np.minimum(starts[chosen] + drawn, len(own) - 1)], rows)

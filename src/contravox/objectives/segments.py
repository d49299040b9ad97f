"""What objectives see of a batch."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from contravox.objectives.gathering import gather


class Segments(NamedTuple):
    """N segments of a batch, one row each.

    embeddings: (N, d) float32, not normalised.
    labels, views: (N,) int64, as in the batch.
    map_vectors: for each objective on feature maps, by its name, a vector (N, head_size) of every
    map it looks at.
    """

    embeddings: Tensor
    labels: Tensor
    views: Tensor
    map_vectors: Mapping[str, tuple[Tensor, ...]] = {}

    def gathered(self) -> "Segments":
        """The segments of all processes."""
        return Segments(
            gather(self.embeddings),
            gather(self.labels),
            gather(self.views),
            {name: tuple(map(gather, of_maps)) for name, of_maps in self.map_vectors.items()},
        )

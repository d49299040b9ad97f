"""The trained class vectors that classification objectives share, and cosines with them."""

import torch
from torch import Tensor, nn

from contravox.objectives.unit_vectors import unit_vectors


class Classifier(nn.Module):
    """Trained vectors of each speaker: one, or several sub-centres.

    prototypes: parameter (classes, embedding_size), or with more than one sub-centre
    (classes, sub_centres, embedding_size).
    """

    def __init__(self, embedding_size: int, classes: int, sub_centres: int = 1) -> None:
        super().__init__()
        vectors = nn.init.xavier_normal_(torch.empty(classes * sub_centres, embedding_size))
        if sub_centres > 1:
            vectors = vectors.unflatten(0, (classes, sub_centres))
        self.prototypes = nn.Parameter(vectors)

    def class_vectors(self) -> Tensor:
        """The prototypes: what an objective that looks at this classifier holds, not owns."""
        return self.prototypes


def class_logits(embeddings: Tensor, prototypes: Tensor, scale: Tensor | float) -> Tensor:
    """scale·cos θ_ik (N, K) of embeddings (N, d) and prototypes (K, d) or (K, C, d).

    cos θ_ik = ẑ_i·ŵ_k. With C sub-centres of each class it is max_j ẑ_i·ŵ_kj, the cosine with the
    nearest: Deng et al. 2020 (Sub-center ArcFace, ECCV).
    """
    # Scaling N × d numbers takes less time and memory than scaling N × K.
    logits = (scale * unit_vectors(embeddings)) @ unit_vectors(prototypes).flatten(0, -2).T
    if prototypes.ndim == 2:
        return logits
    return logits.unflatten(1, prototypes.shape[:2]).max(dim=2).values

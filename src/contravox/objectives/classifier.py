"""The trained class vectors that classification objectives share, and cosines with them."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from contravox.objectives.objective import AnySettings, Objective, ObjectiveSettings, Site
from contravox.objectives.unit_vectors import unit_vectors


class ClassifierSettings(ObjectiveSettings):
    """Of an objective that knows every training speaker, whoever is in a batch."""

    needs_positives: ClassVar[bool] = False


class Classifier(Objective[AnySettings]):
    """Trained vectors of each speaker: one, or several sub-centres.

    prototypes: parameter (classes, embedding_size), or with more than one sub-centre
    (classes, sub_centres, embedding_size).
    """

    per_segment = True

    def __init__(self, settings: AnySettings, site: Site, sub_centres: int = 1) -> None:
        super().__init__(settings)
        rows = site.classes * sub_centres
        vectors = nn.init.xavier_normal_(torch.empty(rows, site.embedding_size))
        if sub_centres > 1:
            vectors = vectors.unflatten(0, (site.classes, sub_centres))
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

"""The trained class vectors that angular softmax objectives share."""

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """One trained vector per speaker.

    prototypes: parameter (classes, embedding_size); only the direction of a row counts.
    margin: what the next loss uses; a margin schedule sets it between steps.
    """

    def __init__(self, embedding_size: int, classes: int, margin: float) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(torch.empty(classes, embedding_size))
        nn.init.xavier_normal_(self.prototypes)
        self.margin = self.full_margin = margin

    def class_vectors(self) -> Tensor:
        """The prototypes: what an objective that looks at this classifier holds, not owns."""
        return self.prototypes

"""Softmax: cross-entropy of a linear layer on the embedding."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contravox.objectives.checks import check_classes, check_finite, check_labelled, shape
from contravox.objectives.classifier import Classifier, ClassifierSettings
from contravox.objectives.objective import Site
from contravox.objectives.segments import Segments
from contravox.precision import full_precision


@full_precision
def softmax_loss(embeddings: Tensor, labels: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """Softmax of embeddings (N, d), labels (N,), weights (K, d) and bias (K,): a scalar.

    The mean over i of −log softmax_k(z_i·w_k + b_k) at k = y_i. Nothing is normalised: lengths
    count, as in the softmax that Mun et al. 2020 (arXiv 2010.11433) fine-tune with.

    Raises ValueError for shapes that disagree, numbers that are not finite, or a label outside the
    weights.
    """
    check_labelled(embeddings, labels)
    if weights.ndim != 2 or weights.shape[1] != embeddings.shape[1]:
        raise ValueError(
            f"weights: (K, {embeddings.shape[1]}) expected for embeddings of shape "
            f"{shape(embeddings)}, got {shape(weights)}"
        )
    if bias.shape != weights.shape[:1]:
        raise ValueError(
            f"bias: ({len(weights)},) expected for weights of shape {shape(weights)}, "
            f"got {shape(bias)}"
        )
    check_finite("weights", weights)
    check_finite("bias", bias)
    check_classes(labels, "weights", weights)
    return F.cross_entropy(F.linear(embeddings, weights, bias), labels.long())


class SoftmaxSettings(ClassifierSettings):
    """No setting but the weight among the objectives."""

    name: Literal["softmax"] = "softmax"

    def build(self, site: Site) -> "Softmax":
        return Softmax(self, site)


class Softmax(Classifier[SoftmaxSettings]):
    """``softmax_loss`` on the encoder's embedding; its prototypes are the layer's weights."""

    def __init__(self, settings: SoftmaxSettings, site: Site) -> None:
        super().__init__(settings, site)
        self.bias = nn.Parameter(torch.zeros(site.classes))

    def forward(self, segments: Segments) -> Tensor:
        return softmax_loss(segments.embeddings, segments.labels, self.prototypes, self.bias)

"""AAM-softmax (ArcFace): softmax over cosines with an additive angular margin."""

import math
from typing import Literal

from pydantic import Field
from torch import Tensor

from contravox.objectives.angular_margin import add_angular_margin, subtract_angular_margin
from contravox.objectives.checks import check_angle
from contravox.objectives.margin_softmax import (
    MarginSoftmax,
    MarginSoftmaxSettings,
    margin_softmax_loss,
)
from contravox.precision import full_precision


@full_precision
def aam_softmax_loss(
    embeddings: Tensor,
    labels: Tensor,
    prototypes: Tensor,
    *,
    margin: float = 0.2,
    scale: float = 30.0,
    hard_negatives: int = 0,
    hard_negative_margin: float = 0.06,
) -> Tensor:
    """AAM-softmax of embeddings (N, d), labels (N,) and prototypes (K, d): a scalar.

    The mean over i of −log softmax_k(scale·c_ik) at k = y_i, where c_ik = cos θ_ik and
    c_iy = cos(θ_iy + margin), margin in radians: ArcFace, Deng et al. 2019 (arXiv 1801.07698),
    equation 3. A margin of 0 gives the normalised softmax.

    prototypes (K, C, d) are C sub-centres of each class, of which the nearest gives cos θ_ik: Deng
    et al. 2020 (Sub-center ArcFace, ECCV). For the hard_negatives other classes of the highest
    cosine c_ik = cos(θ_ik − hard_negative_margin), in radians: inter-topK, Zhao et al. 2021 (arXiv
    2110.05042).

    Raises ValueError for shapes that disagree, vectors that are not finite, a label outside the
    prototypes, a scale that is not positive, a margin outside 0 to π/2, or more hard negatives than
    there are other classes.
    """
    check_angle("hard_negative_margin", hard_negative_margin)
    return margin_softmax_loss(
        embeddings,
        labels,
        prototypes,
        scale=scale,
        lower_own=lambda cosine: add_angular_margin(cosine, margin),
        hard_negatives=hard_negatives,
        raise_hard=lambda cosine: subtract_angular_margin(cosine, hard_negative_margin),
    )


class AamSoftmaxSettings(MarginSoftmaxSettings):
    """margin and hard_negative_margin in radians."""

    name: Literal["aam_softmax"] = "aam_softmax"
    margin: float = Field(default=0.2, ge=0, le=math.pi / 2)
    hard_negative_margin: float = Field(default=0.06, ge=0, le=math.pi / 2)


class AamSoftmax(MarginSoftmax):
    """``aam_softmax_loss`` on the encoder's embedding, with its own prototypes."""

    loss = staticmethod(aam_softmax_loss)

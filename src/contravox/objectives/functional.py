"""The losses as functions of plain tensors."""

from contravox.objectives.adacos import adacos_loss, adacos_scale
from contravox.objectives.angular_contrastive import angular_contrastive_loss
from contravox.objectives.angular_margin import add_angular_margin
from contravox.objectives.class_attention import class_attention
from contravox.objectives.distillation import (
    embedding_distillation_loss,
    similarity_distillation_loss,
)
from contravox.objectives.ge2e import ge2e_loss
from contravox.objectives.margin_softmax import aam_softmax_loss, am_softmax_loss
from contravox.objectives.n_pairs import n_pairs_loss
from contravox.objectives.nt_xent import nt_xent_loss
from contravox.objectives.prototypical import angular_prototypical_loss, prototypical_loss
from contravox.objectives.softmax import softmax_loss
from contravox.objectives.sphereface2 import sphereface2_loss
from contravox.objectives.supcon import supcon_loss
from contravox.objectives.triplet import triplet_loss
from contravox.objectives.uniformity import uniformity_loss

__all__ = [
    "aam_softmax_loss",
    "adacos_loss",
    "adacos_scale",
    "add_angular_margin",
    "am_softmax_loss",
    "angular_contrastive_loss",
    "angular_prototypical_loss",
    "class_attention",
    "embedding_distillation_loss",
    "ge2e_loss",
    "n_pairs_loss",
    "nt_xent_loss",
    "prototypical_loss",
    "similarity_distillation_loss",
    "softmax_loss",
    "sphereface2_loss",
    "supcon_loss",
    "triplet_loss",
    "uniformity_loss",
]

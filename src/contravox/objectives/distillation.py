"""Distillation: embeddings that say of an utterance what a teacher's say of it."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from contravox.errors import RecipeError
from contravox.objectives.checks import check_finite, check_vectors
from contravox.objectives.objective import Objective, ObjectiveSettings, Site
from contravox.objectives.segments import Segments
from contravox.objectives.unit_vectors import unit_vectors
from contravox.precision import full_precision

Match = Literal["embeddings", "similarities"]


@full_precision
def embedding_distillation_loss(predictions: Tensor, targets: Tensor) -> Tensor:
    """1 − cos(p_i, t_i) of predictions (N, t) of a teacher's embeddings, the targets (N, t).

    A scalar from 0 to 2, the mean over i; a target that is zero has no direction and counts 1.

    Raises ValueError for shapes that disagree, or values that are not finite.
    """
    _check_pair("predictions", predictions, targets)
    if predictions.shape != targets.shape:
        raise ValueError(
            f"targets: {tuple(predictions.shape)} expected as of predictions, "
            f"got {tuple(targets.shape)}"
        )
    return 1 - (unit_vectors(predictions) * unit_vectors(targets)).sum(dim=1).mean()


@full_precision
def similarity_distillation_loss(embeddings: Tensor, targets: Tensor) -> Tensor:
    """(cos(z_i, z_j) − cos(t_i, t_j))² of embeddings (N, d) and a teacher's, the targets (N, t).

    A scalar, the mean over pairs i ≠ j; zero of one segment alone. After Tung and Mori 2019
    (similarity-preserving distillation, arXiv 1907.09682, section 3), here of unit vectors and
    without the rows' normalisation, so that a cosine of the student means what the teacher's does.

    Raises ValueError for different numbers of rows, or values that are not finite.
    """
    _check_pair("embeddings", embeddings, targets)
    count = len(embeddings)
    if count == 1:
        return embeddings.sum() * 0
    vectors, wanted = unit_vectors(embeddings), unit_vectors(targets)
    differences = vectors @ vectors.T - wanted @ wanted.T
    # What rounding leaves of the diagonal is no pair.
    return differences.fill_diagonal_(0).square().sum() / (count * (count - 1))


def _check_pair(name: str, vectors: Tensor, targets: Tensor) -> None:
    check_vectors(name, vectors)
    check_vectors("targets", targets)
    check_finite(name, vectors)
    check_finite("targets", targets)
    if len(vectors) != len(targets):
        raise ValueError(f"targets: {len(vectors)} rows expected, got {len(targets)}")


class DistillationSettings(ObjectiveSettings):
    """What is matched of the teacher, which ``data.teacher`` or ``data.targets`` names.

    match: its embeddings, by a linear layer of the objective's own on the encoder's, at first the
    identity where both are as long; or the similarities of all pairs in a batch, which needs none.
    """

    needs_positives: ClassVar[bool] = False
    needs_targets: ClassVar[bool] = True

    name: Literal["distillation"] = "distillation"
    match: Match = "embeddings"

    def build(self, site: Site) -> "Distillation":
        return Distillation(self, site)


class Distillation(Objective[DistillationSettings]):
    """``embedding_distillation_loss`` or ``similarity_distillation_loss`` of the embedding.

    Raises RecipeError where there is no teacher.
    """

    def __init__(self, settings: DistillationSettings, site: Site) -> None:
        super().__init__(settings)
        if site.target_size is None:
            raise RecipeError("distillation needs a teacher: set data.teacher or data.targets")
        self.projection = None
        if settings.match == "embeddings":
            self.per_segment = True
            self.projection = nn.Linear(site.embedding_size, site.target_size)
            if site.embedding_size == site.target_size:
                # What begins as a part of the teacher is not to be turned at first.
                nn.init.eye_(self.projection.weight)
                nn.init.zeros_(self.projection.bias)

    def forward(self, segments: Segments) -> Tensor:
        if segments.targets is None:
            raise RecipeError("the batch has no targets: set data.teacher or data.targets")
        if self.projection is None:
            return similarity_distillation_loss(segments.embeddings, segments.targets)
        return embedding_distillation_loss(self.projection(segments.embeddings), segments.targets)

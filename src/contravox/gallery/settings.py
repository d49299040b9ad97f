"""What is decided once for a gallery, and kept in it."""

from typing import Literal

from pydantic import Field

from contravox.scoring.calibration import Calibration
from contravox.settings import Settings

ScoringMethod = Literal["mean", "mean of scores", "best"]
"""How an utterance is compared with several that enrol a speaker."""


class GallerySettings(Settings):
    """How a gallery scores and decides, and what it keeps.

    scoring: ``mean`` compares with the mean of the enrolled unit vectors, scaled to length 1;
    ``mean of scores`` is the mean over the enrolled utterances of their scores, or of their
    calibrated log-likelihood ratios; ``best`` the highest of them. Which is how good was measured:
    see docs/gallery.md.

    keep_audio: keep the recordings too, so that another model can embed them (see
    ``Gallery.re_embed``). threshold, calibration: decide in the model's stead, by the scores of
    this gallery. top: members of the cohort by which scores are normalised, where there is a
    cohort: those that score highest.
    """

    scoring: ScoringMethod = "mean"
    keep_audio: bool = False
    threshold: float | None = None
    calibration: Calibration | None = None
    top: int = Field(200, ge=2, le=1_000_000)

    @property
    def decides(self) -> bool:
        """Whether they have a threshold or a calibration."""
        return self.threshold is not None or self.calibration is not None

    def for_other_scores(self) -> "GallerySettings":
        """Without what decides, which holds for the scores it was made for alone."""
        return self.model_copy(update={"threshold": None, "calibration": None})

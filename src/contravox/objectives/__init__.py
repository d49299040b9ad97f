"""Objectives: from the segments of a batch to scalar losses."""

from contravox.objectives.objective import ObjectiveSettings, Site
from contravox.objectives.objectives import AnyObjectiveSettings, Objectives
from contravox.objectives.positives import positive_shares
from contravox.objectives.segments import Segments

__all__ = [
    "AnyObjectiveSettings",
    "ObjectiveSettings",
    "Objectives",
    "Segments",
    "Site",
    "positive_shares",
]

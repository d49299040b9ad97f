"""Objectives: from the segments of a batch to scalar losses."""

from contravox.objectives.objectives import Objectives, ObjectiveSettings
from contravox.objectives.positives import positive_shares
from contravox.objectives.segments import Segments

__all__ = ["ObjectiveSettings", "Objectives", "Segments", "positive_shares"]

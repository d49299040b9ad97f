"""Objectives: from an encoder's output and its batch to scalar losses."""

from contravox.objectives.objectives import Objectives, ObjectiveSettings
from contravox.objectives.positives import positive_share

__all__ = ["ObjectiveSettings", "Objectives", "positive_share"]

"""How the learning rate and the margins move during training."""

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from contravox.settings import Count, NotNegative, Positive, Settings, Share


class ScheduleSettings(Settings):
    """The learning rate as a share of its peak.

    After a linear warm-up: ``constant``; ``warmup_stable_decay``, constant and over the last
    ``decay_epochs`` linear down to ``final`` at the end; ``cosine`` or ``exponential`` down to
    ``final`` at the last step; or ``step``, multiplied by ``factor`` every ``every`` epochs.

    Up to its decay a run of the first two is the same however long it shall be, so that it can be
    resumed with more epochs, or with fewer. Warm-up, stable rate and decay are those of Hu et al.
    2024 (MiniCPM, arXiv 2404.06395, section 4).
    """

    name: Literal["constant", "warmup_stable_decay", "cosine", "exponential", "step"] = "constant"
    warmup_steps: int = Field(0, ge=0, le=1_000_000_000)
    final: Share = Field(0.0, description="share at the end, where it falls to one")
    decay_epochs: Count = Field(5, description="warmup_stable_decay: the last so many fall")
    factor: float = Field(0.5, gt=0, le=1, description="step: multiplied by this")
    every: Count = Field(4, description="step: epochs between multiplications")

    @model_validator(mode="after")
    def _reaches_its_end(self) -> Self:
        if self.name == "exponential" and self.final == 0:
            raise ValueError("exponential never reaches final 0: set it above 0")
        return self

    def share(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Share of the peak learning rate for step 0, 1, ..., total_steps - 1."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        progress = (step - self.warmup_steps) / max(1, total_steps - self.warmup_steps)
        if self.name == "warmup_stable_decay":
            decay = self.decay_epochs * steps_per_epoch
            fallen = max(0.0, 1 - (total_steps - step) / decay)
            return 1 - (1 - self.final) * fallen
        if self.name == "exponential":
            return self.final**progress
        if self.name == "cosine":
            return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * progress))
        if self.name == "step":
            return self.factor ** (step // steps_per_epoch // self.every)
        return 1.0


class MarginSchedule(Settings):
    """Margins stay 0 until epoch ``start`` and reach their full size, linearly, at ``end``."""

    start: NotNegative = Field(0.0, description="epochs")
    end: Positive = Field(1.0, description="epochs")

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"start {self.start:g} is not before end {self.end:g}: lower it")
        return self

    def share(self, epoch: float) -> float:
        """Share of the full margin after ``epoch`` (fractional) epochs."""
        if epoch >= self.end:
            return 1.0
        return max(0.0, (epoch - self.start) / (self.end - self.start))

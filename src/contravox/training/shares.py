"""How much of the encoder's gradient each objective gives, over a training."""

import warnings
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from contravox.errors import TrainingWarning
from contravox.objectives.balance import BalanceSettings
from contravox.objectives.gradient_weights import WEIGHTINGS
from contravox.training.log import read_log

EVERY = 50
"""Steps from one measurement to the next where it costs a backward pass for each objective."""
LEAST = 0.01
"""Share below which an objective is said to train the encoder next to nothing."""


class ShareWatch:
    """Warns of objectives that hardly train the encoder, once of each.

    balance: for the mend. weights: the fixed weight of each objective; one of 0 is meant so.
    """

    def __init__(self, balance: BalanceSettings, weights: Mapping[str, float]) -> None:
        self.by_gradients = balance.name in WEIGHTINGS
        self.watched = {name for name, weight in weights.items() if weight}
        self.seen: dict[str, list[float]] = defaultdict(list)

    def add(self, shares: Mapping[str, float]) -> None:
        """Take note of a step's shares, if they were measured."""
        for name in self.watched & shares.keys():
            self.seen[name].append(shares[name])

    def end_epoch(self) -> None:
        """Warn with TrainingWarning; an epoch without a measurement is one with the next."""
        means = {name: fmean(shares) for name, shares in self.seen.items()}
        self.seen.clear()
        mend = "set balance.normalise=norm" if self.by_gradients else "raise its weight"
        for name, mean in means.items():
            if mean < LEAST:
                self.watched.remove(name)
                warnings.warn(
                    f"objectives.{name}: gave {mean:.2%} of the encoder's gradient in an epoch, so "
                    f"it trains it next to nothing: {mend}, or choose another balance",
                    TrainingWarning,
                    stacklevel=2,
                )


def mean_shares(folder: Path) -> dict[str, float]:
    """Each objective's mean share over a training.

    Of what ``log.jsonl`` in its folder holds; empty where none was measured, as of one objective
    alone.
    """
    shares: dict[str, list[float]] = defaultdict(list)
    for entry in read_log(folder):
        for name, share in entry.get("shares", {}).items():
            shares[name].append(share)
    return {name: fmean(each) for name, each in shares.items()}


def shares_in_words(shares: Mapping[str, float]) -> str:
    """Shares for people, in one line."""
    return ", ".join(f"{name} {share:.1%}" for name, share in shares.items())

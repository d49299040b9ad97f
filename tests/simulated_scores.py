"""Scores of simulated trials, and what follows from them the slow way."""

from fractions import Fraction

import numpy as np


def simulate(trials: int, seed: int, decimals: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Scores of so many trials, tied where they are rounded to few decimals."""
    generator = np.random.default_rng(seed)
    targets = generator.random(trials) < 0.3
    targets[:2] = True, False
    return np.round(generator.normal(size=trials) + 1.5 * targets, decimals), targets


def slow_operating_points(
    scores: np.ndarray, targets: np.ndarray
) -> list[tuple[Fraction, Fraction]]:
    """(miss, false alarm) at every distinct score and above all, one trial at a time."""
    points = []
    for threshold in [*sorted(set(scores.tolist())), np.inf]:
        missed = [s < threshold for s, t in zip(scores, targets, strict=True) if t]
        accepted = [s >= threshold for s, t in zip(scores, targets, strict=True) if not t]
        points.append((Fraction(sum(missed), len(missed)), Fraction(sum(accepted), len(accepted))))
    return points


def simulate_speakers(
    speakers: int, seed: int, decimals: int = 9, utterances: int = 4
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every pair of utterances; some speakers are easier than others, some utterances better."""
    generator = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), utterances)
    left, right = np.triu_indices(len(speaker), k=1)
    targets = speaker[left] == speaker[right]
    ease = 1.5 * generator.normal(size=speakers)
    scores = generator.normal(size=targets.size)
    scores += np.where(targets, 2.5 + ease[speaker[left]], 0)
    return np.round(scores, decimals), targets, speaker[left], speaker[right]

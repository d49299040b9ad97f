"""What a paired difference says of a claim."""

from typing import Literal

from contravox.metrics.paired_bootstrap import Interval

Verdict = Literal["holds", "does not hold here", "too close to call", "not run"]


def verdict(interval: Interval, equivalence: float) -> Verdict:
    """Decide by the interval of a relative difference in error rate, the claimed better one's.

    It holds where the whole interval is below zero. It does not hold here where the whole is above
    zero, or lies within the equivalence margin on both sides of it: whatever difference there is,
    it is too small to matter. Anything else is too close to call.
    """
    low, high = interval
    if high < 0:
        return "holds"
    if low > 0 or max(-low, high) <= equivalence:
        return "does not hold here"
    return "too close to call"

"""How many examples a test of a property is tried on.

The fast suite tries few, and the same ones every time. ``pytest --hypothesis-profile=thorough``
tries a hundred times as many, others in every run.
"""

from typing import Any

from hypothesis import settings

PROFILES = {"contravox": 100, "thorough": 10_000}
"""Examples of a test that asks for no number of its own, by the name of the profile."""


def examples(count: int, **others: Any) -> settings:
    """So many examples in the fast suite; in others of PROFILES as many more as there are more."""
    share = settings.default.max_examples / PROFILES["contravox"]
    return settings(max_examples=max(1, round(share * count)), **others)

"""What numbers of options have in common."""

import math
from collections.abc import Sequence
from typing import TypeVar

import typer

Given = TypeVar("Given", float | None, float, Sequence[float] | None)

HIGHEST_SEED = 2**32 - 1


def finite(value: Given) -> Given:
    """Refuse NaN and infinity, which are between any two limits to whoever compares."""
    numbers = value if isinstance(value, Sequence) else [value]
    if not all(number is None or math.isfinite(number) for number in numbers):
        raise typer.BadParameter("not a finite number")
    return value


def priors(values: Sequence[float] | None) -> Sequence[float] | None:
    """Refuse what is no prior: 0 and 1, with which nothing is left to decide, and all beyond."""
    # Imported here: a command line that is only asked for help loads no SciPy.
    from contravox.metrics.decision import check_prior

    for value in values or ():
        try:
            check_prior(value)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    return values

import math
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest
import typer

from contravox.cli import VERBS
from contravox.commands.numbers import finite, priors
from contravox.errors import ScoringError
from contravox.inference.deciding import Prior
from contravox.metrics.decision import bayes_threshold


def kinds(hint):
    """The plain types in an option's type."""
    return {hint} if isinstance(hint, type) else set().union(*map(kinds, get_args(hint)))


NUMBERS = [
    pytest.param(kinds(get_args(hint)[0]), get_args(hint)[1], id=f"{verb.__name__} {name}")
    for verb in VERBS
    for name, hint in get_type_hints(verb, include_extras=True).items()
    if get_origin(hint) is Annotated and kinds(get_args(hint)[0]) & {int, float}
]


@pytest.mark.parametrize(("types", "option"), NUMBERS)
def test_every_number_of_an_option_has_limits(types, option):
    if int in types:
        assert option.min is not None
        assert option.max is not None
    else:
        assert option.callback in (finite, priors)


@pytest.mark.parametrize("given", [math.nan, math.inf, -math.inf, [0.1, math.nan]])
def test_other_numbers_are_refused(given):
    with pytest.raises(typer.BadParameter, match="not a finite number"):
        finite(given)


@pytest.mark.parametrize("given", [None, 0.5, [], [0.1, 0.2]])
def test_finite_numbers_are_given_on(given):
    assert finite(given) is given


@pytest.mark.parametrize("cost", [0.0, -1.0, float("nan"), float("inf")])
def test_costs_are_finite_and_above_0(cost):
    for costs in ((cost, 1.0), (1.0, cost)):
        with pytest.raises(ScoringError, match=r"cost of a .*: give a finite number above 0"):
            Prior(0.5, *costs)
        with pytest.raises(ValueError, match="costs must be above 0"):
            bayes_threshold(0.5, *costs)


def test_costs_of_any_size_have_a_threshold():
    assert bayes_threshold(0.5, 1e-300, 1e300) == pytest.approx(600 * 2.302585093)
    assert bayes_threshold(0.5, 1e300, 1e-300) == pytest.approx(-600 * 2.302585093)

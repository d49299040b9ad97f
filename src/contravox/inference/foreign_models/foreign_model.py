"""Weights of another toolkit under our names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from contravox.encoders import EncoderSettings
from contravox.errors import ModelError, brief, few
from contravox.features import FeatureSettings
from contravox.files.weights import kind_of, without_numbers

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class ForeignModel:
    """A model of ours and where it comes from.

    origin: whose, and what, in words. weights: of the encoder, by our names.
    remarks: what the weights do not tell, and was taken to be as usual.
    """

    origin: str
    features: FeatureSettings
    encoder: EncoderSettings
    weights: Weights
    remarks: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise ModelError where the weights are not those of the settings."""
        with without_numbers():
            expected = self.encoder.build(self.features.bins).state_dict()
        for name in sorted(expected.keys() | self.weights.keys()):
            ours, theirs = kind_of(expected.get(name)), kind_of(self.weights.get(name))
            if ours != theirs:
                raise ModelError(
                    f"like {self.origin}, but its {brief(name)} is {theirs} where {ours} is "
                    "expected: a variant of it that is not read"
                )


def renamed(theirs: Mapping[str, Tensor], table: Mapping[str, str], origin: str) -> Weights:
    """Weights by our names.

    table: modules of theirs to modules of ours. In it ``#0``, ``#1`` and ``#2`` stand for numbers
    that are counted from 0, 1 and 2, ``#`` for the same number in ours, from 0.

    Raises ModelError for a weight of no module in the table.
    """
    patterns = [(_pattern(module), _places(module), ours) for module, ours in table.items()]
    weights: Weights = {}
    unknown = []
    for name, tensor in theirs.items():
        for pattern, firsts, ours in patterns:
            if match := pattern.fullmatch(name):
                *numbers, of_module = match.groups()
                for number, first in zip(numbers, firsts, strict=True):
                    ours = ours.replace("#", str(int(number) - first), 1)
                weights[ours + of_module] = tensor
                break
        else:
            unknown.append(name)
    if unknown:
        raise ModelError(
            f"like {origin}, but it has {few(unknown)} beside: a variant of it that is not read"
        )
    return weights


def count(names: Mapping[str, Tensor], pattern: str) -> int:
    """How many different numbers there are in the place of a pattern's group."""
    found = (re.match(pattern, name) for name in names)
    return len({match[1] for match in found if match})


def _pattern(module: str) -> re.Pattern[str]:
    """Of all parameters of a module whose name has numbers in it, or of one parameter."""
    numbers = re.sub("#[012]", r"(\\d+)", re.escape(module).replace(r"\#", "#"))
    return re.compile(numbers + r"(|\.\w+)", re.ASCII)


def _places(module: str) -> list[int]:
    return [int(first) for first in re.findall("#([012])", module)]

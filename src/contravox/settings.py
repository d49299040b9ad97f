"""The one base of everything a recipe can set, and the kinds of values that it may have."""

import re
import reprlib
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from contravox.errors import brief

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, le=1e9)]
NotNegative = Annotated[float, Field(ge=0, le=1e9)]
Decibels = Annotated[float, Field(ge=-100, le=100)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
"""Of what there may be none: epochs, steps, segments."""
Size = Annotated[int, Field(ge=1, le=65_536)]
"""Channels or units of a layer."""
Seed = Annotated[int, Field(ge=0, lt=2**32)]

_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def _no_device(name: str) -> str:
    if _DEVICES.fullmatch(name):
        raise ValueError("Windows keeps this name for a device: choose another")
    return name


FolderName = Annotated[
    str, Field(pattern=r"^\w([\w.-]*\w)?$", max_length=64), AfterValidator(_no_device)
]
"""Letters, digits and ``_``, within it ``.`` and ``-`` too: it cannot lead out of its folder."""


class Settings(BaseModel):
    """A frozen group of settings that refuses keys it does not know, and numbers without end."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, str_max_length=10_000
    )


def first_mistake(error: ValidationError, raw: Any = None) -> tuple[list[str], str, int]:
    """The keys that lead to the first mistake, what is wrong there, and how many there are.

    raw: what was validated. A discriminated union adds the name it chose to the keys; they have no
    such level.
    """
    mistakes = error.errors(include_url=False)
    mistake = mistakes[0]
    levels: list[str] = []
    value = raw
    for level in map(str, mistake["loc"]):
        if isinstance(value, dict) and level not in value and value.get("name") == level:
            continue
        levels.append(brief(level, 40))
        value = value.get(level) if isinstance(value, dict) else None
    message = brief(mistake["msg"].removeprefix("Value error, "), 300)
    if mistake["type"] != "extra_forbidden":
        message = f"{message[0].lower()}{message[1:]}"
        if mistake["type"] != "missing" and not isinstance(mistake["input"], dict):
            message = f"{shown(mistake['input'])}: {message}"
    return levels, message, len(mistakes)


def shown(value: object) -> str:
    """A value for a message, of bearable length whatever it is."""
    try:
        return brief(_SHORT.repr(value), 60)
    except ValueError:
        return "a number of too many digits"


_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2
_SHORT.maxstring = _SHORT.maxother = 60

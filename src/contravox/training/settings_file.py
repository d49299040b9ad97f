"""Settings as users write them: a YAML file, and ``key=value`` on top of it."""

import difflib
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML, YAMLError

from contravox.errors import RecipeError
from contravox.settings import Settings

Kind = TypeVar("Kind", bound=Settings)


def read_settings(kind: type[Kind], path: Path, overrides: Sequence[str] = ()) -> Kind:
    """Read a file of settings of a kind, such as a recipe.

    overrides: ``key=value`` with dots between levels, such as ``training.epochs=3``; values are
    YAML.

    Raises RecipeError in one line that names the key.
    """
    try:
        raw = _yaml().load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read ({error})") from error
    except YAMLError as error:
        raise RecipeError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        needed = next(iter(kind.model_fields))
        raise RecipeError(
            f"{path}: not a {kind.__name__.lower()}: it must hold keys such as `{needed}:`"
        )
    for override in overrides:
        _apply(raw, override)
    return validate_settings(kind, raw, str(path))


def validate_settings(kind: type[Kind], raw: dict[str, Any], name: str) -> Kind:
    """Validate keys and values; ``name`` is for the message. Raises RecipeError."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise RecipeError(f"{name}: {_first_line(error, raw, kind)}") from error


def to_yaml(settings: Settings) -> str:
    """All of the settings, defaults included, as YAML that ``read_settings`` reads back."""
    text = StringIO()
    _yaml().dump(settings.model_dump(mode="json"), text)
    return text.getvalue()


def _yaml() -> YAML:
    """YAML 1.2, in which `on` is a word and 1e-3 a number; nothing but plain values is built."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    return yaml


def _apply(raw: dict[str, Any], override: str) -> None:
    """Set ``a.b.c=value`` in nested dictionaries."""
    key, separator, value = override.partition("=")
    if not separator or not key:
        raise RecipeError(f"{override!r} is no setting: write key=value, as training.epochs=3")
    *groups, last = key.split(".")
    group = raw
    for name in groups:
        if group.get(name) is None:
            group[name] = {}
        group = group[name]
        if not isinstance(group, dict):
            raise RecipeError(f"{key}: {name} holds a value, no keys")
    try:
        group[last] = _yaml().load(value)
    except YAMLError as error:
        raise RecipeError(f"{key}: {value!r} is not YAML") from error


def _first_line(error: ValidationError, raw: dict[str, Any], kind: type[Settings]) -> str:
    """The first mistake in one line: the key as the user wrote it, what is wrong, a near miss."""
    mistakes = error.errors()
    mistake = mistakes[0]
    # A discriminated union adds the name it chose to the path; the file has no such level.
    levels: list[str] = []
    value: Any = raw
    for level in map(str, mistake["loc"]):
        if isinstance(value, dict) and level not in value and value.get("name") == level:
            continue
        levels.append(level)
        value = value.get(level) if isinstance(value, dict) else None
    key = ".".join(levels)
    message = mistake["msg"].removeprefix("Value error, ")
    if mistake["type"] == "extra_forbidden":
        near = difflib.get_close_matches(levels[-1], _known_keys(kind), n=1)
        message = "no such key" + (f": did you mean {near[0]}?" if near else "")
    else:
        message = f"{message[0].lower()}{message[1:]}"
        if mistake["type"] != "missing" and not isinstance(mistake["input"], dict):
            message = f"{mistake['input']!r}: {message}"
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    return f"{key}: {message}{more}" if key else f"{message}{more}"


def _known_keys(settings: type[Settings]) -> set[str]:
    """Every key that any group of settings knows."""
    known: set[str] = set()
    groups: list[type[Settings]] = [settings, *Settings.__subclasses__()]
    for group in groups:
        known.update(group.model_fields)
    return known

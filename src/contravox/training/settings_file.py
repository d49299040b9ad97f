"""Settings as users write them: a YAML file, and ``key=value`` on top of it."""

from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

from contravox.errors import RecipeError, brief, near_miss
from contravox.settings import Settings, first_mistake

Kind = TypeVar("Kind", bound=Settings)

LARGEST = 100_000
"""Bytes of a file of settings: a shipped one has 3,000."""
DEEPEST = 20
"""Levels of a file of settings: a recipe has five."""
LONGEST = 1000
"""Characters of a value."""


def read_settings(kind: type[Kind], path: Path, overrides: Sequence[str] = ()) -> Kind:
    """Read a file of settings of a kind, such as a recipe.

    overrides: ``key=value`` with dots between levels, such as ``training.epochs=3``; values are
    YAML.

    Raises RecipeError in one line that names the key.
    """
    raw = _parse(_text(path), str(path))
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


def _text(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > LARGEST:
        raise RecipeError(f"{path}: over {LARGEST:,} bytes, too large for a file of settings")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not UTF-8 text ({error.reason}): save it as that") from error


def _parse(text: str, name: str) -> Any:
    """The values of YAML without references or types of its own; ``name`` is for the message.

    Raises RecipeError.
    """
    try:
        _check_plain(text, name)
        return _yaml().load(text)
    # Values that their type refuses, such as a date of 31 February, are ValueErrors.
    except (YAMLError, ValueError, RecursionError) as error:
        reason = brief(" ".join(str(error).split()), 200)
        raise RecipeError(f"{name}: not YAML: {reason}") from error


def _check_plain(text: str, name: str) -> None:
    """Raise RecipeError for what no settings need and by which a small file becomes a huge value.

    References can refer to what refers to others, and so on, each ten times.
    """
    depth = 0
    for event in _yaml().parse(text):
        place = f"{name}: line {event.start_mark.line + 1}"
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise RecipeError(f"{place}: & and * are not read: write the value out, or in quotes")
        if getattr(event, "tag", None):
            raise RecipeError(f"{place}: types such as !!int are not read: leave them out")
        if isinstance(event, ScalarEvent) and len(event.value) > LONGEST:
            raise RecipeError(f"{place}: a value of over {LONGEST:,} characters: shorten it")
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            raise RecipeError(f"{place}: over {DEEPEST} levels deep: no settings are")


def _apply(raw: dict[str, Any], override: str) -> None:
    """Set ``a.b.c=value`` in nested dictionaries."""
    key, separator, value = override.partition("=")
    name = brief(key, 100)
    if not separator or not key:
        raise RecipeError(f"{name!r} is no setting: write key=value, as training.epochs=3")
    *groups, last = key.split(".")
    if len(groups) > DEEPEST:
        raise RecipeError(f"{name}: over {DEEPEST} levels deep: no settings are")
    group = raw
    for level in groups:
        if group.get(level) is None:
            group[level] = {}
        group = group[level]
        if not isinstance(group, dict):
            raise RecipeError(f"{name}: {brief(level)} holds a value, no keys")
    group[last] = _parse(value, name)


def _first_line(error: ValidationError, raw: dict[str, Any], kind: type[Settings]) -> str:
    """The first mistake in one line: the key as the user wrote it, what is wrong, a near miss."""
    levels, message, count = first_mistake(error, raw)
    if error.errors()[0]["type"] == "extra_forbidden":
        hint = near_miss(levels[-1], _known_keys(Settings))
        message = f"no such key: {hint}" if hint else "no such key"
    key = brief(".".join(levels), 200)
    more = f" (and {count - 1} more)" if count > 1 else ""
    return f"{key}: {message}{more}" if key else f"{message}{more}"


def _known_keys(settings: type[Settings]) -> set[str]:
    """Every key that a group of settings or one made from it knows."""
    return set(settings.model_fields).union(*map(_known_keys, settings.__subclasses__()))

"""Write docs/reference.md from the code: every key that a recipe may have, and every loss.

python docs/reference.py
"""

import inspect
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

from contravox.files.writing import write_text
from contravox.objectives import functional
from contravox.training.recipe import Recipe

PAGE = Path(__file__).with_suffix(".md")
HEAD = """# Reference

Written by `python docs/reference.py` from the code: every key that a recipe may have with its
default, then every loss as a function of tensors. [Recipes](recipes.md) and
[objectives](objectives.md) say what they are for. `contravox train RECIPE key=value` sets a key,
with dots between levels; a run writes all of them to its `recipe.yaml`.
"""

Schema = dict[str, Any]


def reference() -> str:
    """The page."""
    schema = Recipe.model_json_schema()
    sections = _sections("recipe", schema, schema["$defs"], {})
    losses = [_function(name, getattr(functional, name)) for name in functional.__all__]
    return "\n".join([HEAD, *sections, "## Losses as functions\n", *losses])


def _function(name: str, function: Callable[..., Any]) -> str:
    """A function of `contravox.objectives.functional` by its signature and docstring."""
    signature = inspect.signature(function)
    lines = []
    for parameter in signature.parameters.values():
        if parameter.kind == parameter.KEYWORD_ONLY and "    *," not in lines:
            lines.append("    *,")
        lines.append(f"    {parameter},".replace("torch.Tensor", "Tensor").replace("typing.", ""))
    call = "\n".join([f"{name}(", *lines, ")"])
    return f"### {name}\n\n```text\n{call}\n```\n\n{_prose(inspect.getdoc(function) or '')}\n"


def _sections(
    title: str, group: Schema, groups: dict[str, Schema], titles: dict[str, str]
) -> Iterator[str]:
    """A group of settings, then those that its keys hold, each once. titles: of those so far."""
    inner = []
    for key, setting in group["properties"].items():
        path = key if title == "recipe" else f"{title}.{key}"
        for name in _groups_of(setting):
            if name not in titles:
                variant = groups[name]["properties"].get("name", {}).get("const")
                titles[name] = f"{path}: {variant}" if variant else path
                inner.append(name)
    yield f"## {title}\n\n{_prose(group['description'])}\n"
    yield "| key | default | values | |\n|---|---|---|---|"
    for key, setting in group["properties"].items():
        default = setting.get("default", {})
        if list(_groups_of(setting)) and isinstance(default, dict):
            default = default.get("name")
        default = _flow(default) if default is not None or "default" in setting else ""
        if key in group.get("required", ()):
            default = "required"
        cells = f"`{key}`", default, _values(setting, titles), setting.get("description", "")
        yield f"| {' | '.join(cells)} |"
    yield ""
    for name in inner:
        yield from _sections(titles[name], groups[name], groups, titles)


def _groups_of(setting: Any) -> Iterator[str]:
    """The names of the groups of settings that a key may hold."""
    if isinstance(setting, dict):
        if "$ref" in setting:
            yield setting["$ref"].rpartition("/")[2]
        for key in ("anyOf", "oneOf", "additionalProperties", "items"):
            yield from _groups_of(setting.get(key))
    elif isinstance(setting, list):
        for each in setting:
            yield from _groups_of(each)


def _values(setting: Schema, titles: dict[str, str]) -> str:
    """What a key takes, in words."""
    for key in ("anyOf", "oneOf"):
        if key in setting:
            return " or ".join(_values(each, titles) for each in setting[key])
    if "$ref" in setting:
        [name] = _groups_of(setting)
        slug = re.sub(r"[^\w\- ]", "", titles[name].lower()).replace(" ", "-")
        return f"[{titles[name].rpartition(': ')[2]}](#{slug})"
    if "const" in setting:
        return _flow(setting["const"])
    if "enum" in setting:
        return ", ".join(map(_flow, setting["enum"]))
    match setting["type"]:
        case "null":
            return "`null`"
        case "boolean":
            return "`true`, `false`"
        case "string":
            return "path" if setting.get("format") == "path" else "text"
        case "array" if "prefixItems" in setting:
            each = _values(setting["prefixItems"][0], titles)
            return f"list of {len(setting['prefixItems'])}: {each}"
        case "array":
            return f"list of: {_values(setting['items'], titles)}"
        case "object":
            return f"names, each with: {_values(setting['additionalProperties'], titles)}"
        case number:
            return f"{number}{_bounds(setting)}"


def _bounds(setting: Schema) -> str:
    """Of a number, such as nobody comes near left out."""
    words = {
        "minimum": "from",
        "exclusiveMinimum": "above",
        "maximum": "up to",
        "exclusiveMaximum": "below",
    }
    return "".join(
        f" {word} {setting[key]:.6g}"
        for key, word in words.items()
        if abs(setting.get(key, math.inf)) < 1_000_000
    )


def _flow(value: Any) -> str:
    """A value as a recipe has it, on one line."""
    yaml, text = YAML(typ="safe", pure=True), StringIO()
    yaml.default_flow_style, yaml.width = True, 1000
    yaml.dump(value, text)
    return f"`{text.getvalue().partition('...')[0].strip()}`"


def _prose(docstring: str) -> str:
    """A docstring as Markdown, each of its ``key: meaning`` a paragraph."""
    text = docstring.replace("``", "`")
    return re.sub(r"(?<=[.;])\n(?=\w+(, \w+)*: )", "\n\n", text)


if __name__ == "__main__":
    write_text(PAGE, reference())

"""Options that go together, as one dataclass in a verb: typer knows single options alone."""

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints


def with_option_groups(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb that takes dataclasses, to typer, each of their fields as an option.

    They stand where the dataclass does, and are given to the verb as the dataclass they make.
    """
    groups: dict[str, type[Any]] = {}
    options = []
    for name, parameter in inspect.signature(verb).parameters.items():
        group = parameter.annotation
        if not (isinstance(group, type) and is_dataclass(group)):
            options.append(parameter.replace(kind=parameter.KEYWORD_ONLY))
            continue
        groups[name] = group
        hints = get_type_hints(group, include_extras=True)
        options += [
            inspect.Parameter(
                each.name, parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name]
            )
            for each in fields(group)
        ]

    @wraps(verb)
    def grouped(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{each.name: given.pop(each.name) for each in fields(group)})
        verb(**given)

    grouped.__annotations__ = {each.name: each.annotation for each in options}
    grouped.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    return grouped

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contravox.evaluation.evaluation import EvaluationSettings
from contravox.model import ModelSettings
from contravox.settings import FolderName, Settings, first_mistake, shown
from contravox.training.recipe import Recipe
from contravox.training.sweep import Sweep

ENTRANCES = (Recipe, Sweep, ModelSettings, EvaluationSettings)

ANY_SIZE = {
    *("threshold", "offset", "weights", "options"),
    # Validators of their own: see ``check_speeds`` and the protocols of evaluation.
    *("speeds", "map_weights", "maps", "p_targets", "quality", "conditions", "trained_on"),
    "calibrated_on",
}
"""Settings that may hold any finite number, or any many."""


def schemas(kind):
    """Every (group, setting, schema) that can be reached from a group of settings."""
    whole = kind.model_json_schema()
    groups = {kind.__name__: whole, **whole.get("$defs", {})}
    for name, group in groups.items():
        for key, schema in group.get("properties", {}).items():
            yield name, key, schema


def parts(schema):
    """A schema and all below it."""
    yield schema
    for key in ("anyOf", "prefixItems"):
        for part in schema.get(key, []):
            yield from parts(part)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from parts(schema[key])


@pytest.mark.parametrize("kind", ENTRANCES)
def test_every_number_and_every_list_has_a_largest(kind):
    for group, key, schema in schemas(kind):
        for part in parts(schema):
            where = f"{group}.{key}"
            if key in ANY_SIZE:
                continue
            if part.get("type") in ("integer", "number"):
                assert {"maximum", "exclusiveMaximum"} & part.keys(), where
                assert {"minimum", "exclusiveMinimum"} & part.keys(), where
            if part.get("type") == "array":
                assert "maxItems" in part, where


class Anything(Settings):
    number: float = 0.0
    numbers: dict[str, float] | None = None
    text: str = ""


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "nan", "inf"])
def test_no_setting_is_without_end(value):
    for settings in ({"number": value}, {"numbers": {"a": value}}):
        with pytest.raises(ValidationError):
            Anything.model_validate(settings)
    with pytest.raises(ValidationError):
        Anything.model_validate({"text": "a" * 100_000})


@given(st.recursive(st.none() | st.integers() | st.text(), lambda each: st.lists(each)))
def test_what_is_shown_of_a_value_is_short_and_one_line(value):
    assert len(shown(value)) <= 60
    assert "\n" not in shown(value)


def test_values_that_cannot_be_written_out_are_shown():
    bomb = ["x"]
    for _ in range(60):
        bomb = [bomb] * 10
    assert len(shown(bomb)) <= 60
    assert shown(10**6000) == "a number of too many digits"


def test_the_first_mistake_is_short():
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate({"k" * 10_000: 1, "objectives": {"x": {"name": "n" * 10_000}}})
    levels, message, _ = first_mistake(caught.value)
    assert len(".".join(levels)) < 100
    assert len(message) <= 400


@given(st.text(max_size=80))
def test_a_folder_name_stays_in_its_folder(name):
    try:
        TypeAdapter(FolderName).validate_python(name)
    except ValidationError:
        return
    assert name not in ("", ".", "..")
    assert not set(name) & set('/\\\0:*?"<>|')
    assert not any(unicodedata.category(letter) == "Cc" for letter in name)
    assert not name.startswith((".", "-"))
    assert not name.endswith(".")

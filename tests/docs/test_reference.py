"""The reference is what the code says, and the code does what the reference says."""

import importlib.util
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from contravox.objectives import functional
from contravox.training.recipe import Recipe

FOLDER = Path(__file__).parents[2] / "docs"
PAGE = (FOLDER / "reference.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (?:`(.*?)`|required|) \|", flags=re.MULTILINE)


def sections():
    """The keys of each section with their defaults as they are written; None for none."""
    for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.M | re.S):
        if rows := ROW.findall(text):
            yield title, {key: default or None for key, default in rows}


def test_it_is_up_to_date():
    spec = importlib.util.spec_from_file_location("reference", FOLDER / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.reference() == PAGE, "run python docs/reference.py"


@pytest.fixture(scope="module")
def whole():
    """A recipe of every objective, with every group that is optional."""
    names = [
        title.removeprefix("objectives: ") for title, _ in sections() if "objectives: " in title
    ]
    objectives = {name: {"name": name} for name in names if "." not in name}
    objectives["supcon"]["attention"] = {}
    recipe = {
        "data": {"manifest": "m.tsv", "targets": "teacher.npz"},
        "encoder": {"name": "ecapa_tdnn"},
        "augmentation": {},
        "spec_augment": {},
        "objectives": objectives,
        "training": {"margin_schedule": {}},
    }
    made = Recipe.model_validate(recipe)
    # An objective needs the teacher, whose default is none.
    return made.model_copy(update={"data": made.data.model_copy(update={"targets": None})})


@pytest.mark.parametrize(("title", "defaults"), list(sections()))
def test_every_default_is_what_a_recipe_gets_that_leaves_it_out(title, defaults, whole):
    group, _, variant = title.partition(": ")
    raw = whole.model_dump(mode="json")
    if group == "objectives":
        raw, group = raw["objectives"], variant
    elif variant:
        name, *inner = variant.split(".")
        # Positives are sampled in training without labels, for pairs.
        own = (
            {"name": name, "segments": 2, **{key: {} for key in inner}} if inner else {"name": name}
        )
        data = {"manifest": "m.tsv", "labels": "utterance" if inner else "speaker"}
        required = {"data": data, "objectives": {"a": {"name": "softmax"}}}
        raw = Recipe.model_validate(
            {"encoder": {"name": "ecapa_tdnn"}, **required, group: own}
        ).model_dump(mode="json")
        group = ".".join([group, *inner])
    for level in [] if title == "recipe" else group.split("."):
        raw = raw[level]
    assert defaults.keys() == raw.keys()
    for key, default in defaults.items():
        if default is None or (default == "null" and isinstance(raw[key], dict)):
            continue  # It has none, or is a group of its own, which is left out unless it is named.
        said = YAML(typ="safe", pure=True).load(default)
        assert said == (raw[key]["name"] if isinstance(raw[key], dict) and said else raw[key]), key


def test_every_loss_is_there_as_a_function():
    assert set(re.findall(r"^### (\w+)$", PAGE, flags=re.M)) == set(functional.__all__)

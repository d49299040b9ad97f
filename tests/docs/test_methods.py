"""The pages on methods: recipes that they show can be trained, and the pictures can be drawn."""

import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ruamel.yaml import YAML

from contravox.objectives import Objectives, Site
from contravox.training.recipe import Recipe
from contravox.training.shipped import shipped_recipes

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted((DOCS / "methods").glob("*.md"))
REST = {"data": {"manifest": "m.tsv"}, "encoder": {"name": "ecapa_tdnn"}}


def shown(page):
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return [YAML(typ="safe", pure=True).load(block) for block in blocks]


@pytest.mark.parametrize("page", [page for page in PAGES if shown(page)], ids=lambda p: p.stem)
def test_what_is_shown_of_a_recipe_can_be_trained(page):
    [part] = shown(page)
    merged = {**REST, **part, "data": REST["data"] | part.get("data", {})}
    recipe = Recipe.validate_keys(merged, page.name)
    objectives = Objectives(recipe.objectives, Site(4, (4, 4), classes=3))
    assert set(objectives.weights) == set(part["objectives"])


def test_recipes_that_are_named_are_shipped():
    for page in PAGES[:-1]:
        text = page.read_text(encoding="utf-8")
        if recipes := re.search(r"Recipes: (.*?)\.\n\n", text, flags=re.DOTALL):
            named = re.findall(r"`(.+?)`", recipes[1])
            assert len(named) > 2
            assert set(named) <= set(shipped_recipes())


def test_the_pictures_are_drawn_by_the_script(tmp_path):
    spec = importlib.util.spec_from_file_location("pictures", DOCS / "pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.draw(tmp_path)
    drawn, committed = (
        {path.name: [e.text for e in ElementTree.parse(path).iter() if e.tag.endswith("text")]
         for path in folder.glob("*.svg")}
        for folder in (tmp_path, DOCS / "methods")
    )  # fmt: skip
    # Numbers may differ by a bit from one PyTorch to another; axes, legends and titles do not.
    assert drawn == committed
    for page in PAGES:
        for picture in re.findall(r"!\[.+?\]\((.+?)\)", page.read_text(encoding="utf-8")):
            assert picture in drawn

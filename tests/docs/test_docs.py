"""The pages say what the code does: settings, signatures, snippets and links."""

import inspect
import re
import unicodedata
from pathlib import Path
from typing import get_args

import pytest
import torch
from ruamel.yaml import YAML

from contravox.objectives import AnyObjectiveSettings, Objectives, Site, functional
from contravox.objectives.balance import WEIGHTINGS, Balance
from contravox.objectives.negatives import tile_of
from contravox.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))),
]
OBJECTIVES = (ROOT / "docs" / "objectives.md").read_text(encoding="utf-8")
SETTINGS = {settings().name: settings for settings in get_args(get_args(AnyObjectiveSettings)[0])}
REST = {
    "data": {"manifest": "m.tsv"},
    "encoder": {"name": "ecapa_tdnn"},
    "objectives": {"classification": {"name": "aam_softmax"}, "contrast": {"name": "supcon"}},
}
"""What a recipe needs beside the few keys that a page shows."""


def blocks(language, text=OBJECTIVES):
    """The fenced code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def yaml_blocks(text=OBJECTIVES):
    yaml = YAML(typ="safe", pure=True)
    return [yaml.load(block) for block in blocks("yaml", text)]


def headings(text):
    """The page's headings as they are written."""
    outside_code = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^#+ (.+)$", outside_code, flags=re.MULTILINE)


def section(title):
    """The text from a heading of objectives.md to the next of any level."""
    assert title in headings(OBJECTIVES), f"docs/objectives.md has no section {title}"
    after = re.split(rf"^#+ {re.escape(title)}$", OBJECTIVES, flags=re.MULTILINE)[1]
    return re.split(r"^#+ ", after, flags=re.MULTILINE)[0]


def test_every_objective_has_a_section_and_no_section_is_of_another():
    assert {title for title in headings(OBJECTIVES) if "`" in title} == {f"`{n}`" for n in SETTINGS}


def test_every_paper_of_a_function_is_linked():
    papers = {
        paper
        for name in functional.__all__
        for paper in re.findall(r"\d{4}\.\d{5}", getattr(functional, name).__doc__)
    }
    links = re.findall(r"\[arXiv ([\d.]+)\]\(https://arxiv\.org/abs/([\d.]+)\)", OBJECTIVES)
    assert papers <= {paper for paper, _ in links}
    assert all(paper == target for paper, target in links)


def test_what_works_in_tiles_is_named_and_how_large_they_are():
    [paragraph] = re.findall(r"\*\*`tile`\.\*\*.*?\n\n", OBJECTIVES, flags=re.DOTALL)
    tiled = {
        name
        for name in functional.__all__
        if "tile" in inspect.signature(getattr(functional, name)).parameters
    }
    assert set(re.findall(r"`(\w+_loss)`", paragraph)) == tiled
    default = r"up to ([\d,]+) and (\d+) above; on a GPU it is max\((\d+), 2([⁰¹²³⁴-⁹]+)/N\)"
    at_once, on_cpu, least, power = re.search(default, " ".join(paragraph.split())).groups()
    total = int(at_once.replace(",", ""))
    assert tile_of(torch.empty(total, 1), None) == total
    assert tile_of(torch.empty(total + 1, 1), None) == int(on_cpu)
    # A tensor without memory is on no CPU either.
    exponent = unicodedata.normalize("NFKC", power)
    assert tile_of(torch.empty(8192, 1, device="meta"), None) == 2 ** int(exponent) // 8192
    assert tile_of(torch.empty(2**30, 1, device="meta"), None) == int(least)


def test_every_balance_is_named():
    named = set(re.findall(r"`(\w+)`", section("Balancing")))
    assert {"fixed", "uncertainty", *WEIGHTINGS} <= named


def test_python_runs_as_written(capsys):
    namespace = {}
    for block in blocks("python"):
        exec(block, namespace)
    printed = capsys.readouterr().out.splitlines()
    assert printed
    assert all(f"# {line}\n" in OBJECTIVES for line in printed)


@pytest.mark.parametrize("shown", [block for block in yaml_blocks() if "name" not in block])
def test_parts_of_recipes_can_be_trained(shown):
    recipe = Recipe.validate_keys(REST | shown, "docs/objectives.md")
    objectives = Objectives(recipe.objectives, Site(4, (4, 4), classes=3, target_size=4))
    balance = Balance(recipe.balance, objectives.weights)
    assert set(balance.fixed) == set((REST | shown)["objectives"])


def test_every_key_in_a_sentence_is_one_of_a_recipe():
    keys = re.findall(r"`(data|balance|training)\.(\w+)", OBJECTIVES)
    assert len(set(keys)) > 4
    for group, key in keys:
        assert key in Recipe.model_fields[group].annotation.model_fields, key


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (ROOT / page).parent / file if file else ROOT / page
        assert target.exists(), link
        if anchor:
            titles = headings(target.read_text(encoding="utf-8"))
            slugs = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in titles}
            assert anchor in slugs, link

"""The card of the default model is what its numbers say, and its recipe is one."""

import importlib.util
import json
from pathlib import Path

from contravox.training.recipe import Recipe

ROOT = Path(__file__).parents[2]


def test_the_card_is_written_from_its_numbers():
    path = ROOT / "benchmarks" / "default_card.py"
    spec = importlib.util.spec_from_file_location("default_card", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    results = json.loads((ROOT / "docs" / "model-card.json").read_text(encoding="utf-8"))
    card = (ROOT / "docs" / "model-card.md").read_text(encoding="utf-8")
    assert module.card(results) == card
    for corpus, by_corpus in results["rates"]["contravox"]["as recorded"].items():
        assert f"{100 * by_corpus['rate']:.1f} (" in card, corpus


def test_the_recipe_of_the_card_is_one():
    recipe = Recipe.read(ROOT / "benchmarks" / "default_model.yaml")
    card = json.loads((ROOT / "docs" / "model-card.json").read_text(encoding="utf-8"))
    run = card["goes"][-1]
    assert recipe.sampler.batch_size == run["batch"]
    assert recipe.data.segment_seconds == run["segment_seconds"]
    assert (recipe.data.speakers, recipe.data.utterances) == (run["speakers"], run["utterances"])

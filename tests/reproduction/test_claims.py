from pathlib import Path

import pytest

from contravox.errors import RecipeError
from contravox.training.recipe import Recipe
from contravox.training.sweep import Sweep
from reproduction.claims import Claims


def test_ours_name_sweeps_and_variants_that_are_there():
    claims = Claims.read()
    assert {"quick", "full"} == set(claims.grids)
    assert claims.grids["quick"].folds >= 3
    assert claims.grids["full"].folds * claims.grids["full"].seeds >= 5
    assert 0 < claims.equivalence < (8.79 - 8.49) / 8.79


def test_what_is_compared_differs_in_objectives_balance_or_one_other_group_alone():
    for claim in Claims.read().claims:
        sweep = Sweep.read(claim.sweep)
        for each in claim.comparisons:
            recipes = [
                Recipe.read(sweep.recipe, sweep.variants[name]) for name in (each.better, each.than)
            ]
            first, second = (recipe.model_dump(exclude={"objectives"}) for recipe in recipes)
            differing = [group for group in first if first[group] != second[group]]
            assert len(differing) <= 2, (claim.name, each.says)
            assert {"data", "features", "encoder", "augmentation"}.isdisjoint(differing)
            tuned = [recipe.training.optimiser for recipe in recipes]
            assert tuned[0] == tuned[1]


def test_a_variant_that_the_sweep_has_not_is_refused(work):
    path = Path("claims.yaml")
    path.write_text(path.read_text().replace("than: plain", "than: plane"))
    with pytest.raises(
        RecipeError, match=r"claim contrast: .*no variant plane: did you mean plain"
    ):
        Claims.read(path)


def test_a_name_twice_is_refused():
    path = Path("claims.yaml")
    text = path.read_text()
    path.write_text(text + text[text.index("  - name") :])
    with pytest.raises(RecipeError, match="contrast is there twice"):
        Claims.read(path)


def test_named_are_those_that_are_there():
    claims = Claims.read(Path("claims.yaml"))
    assert claims.named(None) == claims.named(["contrast"]) == ["contrast"]
    with pytest.raises(RecipeError, match=r"--only contrst: no such claim: did you mean contrast"):
        claims.named(["contrst"])


def test_a_variant_of_several_comparisons_is_run_once():
    [claim] = (each for each in Claims.read().claims if each.name == "cel_initialised")
    assert len(claim.variants) == len(set(claim.variants)) == 6

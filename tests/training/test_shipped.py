import pytest

from contravox.errors import RecipeError
from contravox.training.shipped import (
    SHIPPED,
    find_recipe,
    find_sweep,
    shipped_recipes,
    shipped_sweeps,
)


def test_they_are_found_by_name():
    assert find_recipe("small/mfcon") == SHIPPED / "small" / "mfcon.yaml"
    assert find_sweep("ablations/mfcon") == SHIPPED / "ablations" / "mfcon.yaml"
    with pytest.raises(RecipeError, match=r"no such recipe: did you mean small/mfcon\?"):
        find_recipe("small/mfcom")
    with pytest.raises(RecipeError, match=r"no such sweep: did you mean ablations/mfcon\?"):
        find_sweep("ablation/mfcon")


def test_files_are_found_by_path(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("")
    assert find_recipe(path) == find_sweep(str(path)) == path


def test_a_recipe_is_no_sweep_nor_a_sweep_a_recipe():
    files = set(SHIPPED.rglob("*.yaml"))
    recipes, sweeps = set(shipped_recipes().values()), set(shipped_sweeps().values())
    assert recipes | sweeps == files
    assert not recipes & sweeps
    with pytest.raises(RecipeError, match="no such recipe"):
        find_recipe("ablations/mfcon")
    with pytest.raises(RecipeError, match="no such sweep"):
        find_sweep("mfcon_voxceleb1")


@pytest.mark.parametrize("name", ["", "\0", "a" * 100_000, "b" * 300, "c/" * 3000, "x\ny"])
def test_a_name_that_no_file_can_have_is_one_short_line(name):
    with pytest.raises(RecipeError, match="no such recipe") as caught:
        find_recipe(name)
    assert len(str(caught.value)) < 2000
    assert "\n" not in str(caught.value)

"""Every shipped recipe trains, cut short to one epoch of small segments."""

import pytest

from contravox.preparation import prepare_corpus
from contravox.training.log import read_log
from contravox.training.recipe import SHIPPED, Recipe
from contravox.training.trainer import Trainer

NAMES = sorted(
    path.relative_to(SHIPPED).with_suffix("").as_posix() for path in SHIPPED.rglob("*.yaml")
)


def test_there_is_one_for_each_system():
    assert {f"small/{name}" for name in ("aam_softmax", "mfcon", "aamsupcon", "cel")} < set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_recipe_trains(name, tone_corpus, tmp_path):
    prepare_corpus("folder", tone_corpus, tmp_path / "corpus", split=True)
    train = tmp_path / "corpus" / "train" / "manifest.tsv"
    overrides = [f"data.manifest={train}", "data.workers=0", "training.epochs=1"]
    overrides += ["data.segment_seconds=0.4"]
    recipe = Recipe.read(name)
    if recipe.data.validation_trials is not None:
        trials = tmp_path / "corpus" / "validation" / "trials.tsv"
        overrides.append(f"data.validation_trials={trials}")
    if recipe.training.initial_model is not None:
        overrides.append("training.initial_model=null")
    size = "speakers=8" if recipe.sampler.name == "speakers_utterances" else "utterances=8"
    recipe = Recipe.read(name, [*overrides, f"sampler.{size}"])
    model = Trainer(recipe, tmp_path / "run").fit()
    losses = [entry["losses"] for entry in read_log(tmp_path / "run") if "losses" in entry]
    assert set(losses[0]) == set(recipe.objectives)
    assert model.settings.labels_used == (recipe.data.labels == "speaker")

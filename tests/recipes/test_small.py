"""Every small recipe trains, cut short to one epoch of small segments."""

import pytest

from contravox.model import Model
from contravox.training.log import read_log
from contravox.training.recipe import Recipe
from contravox.training.shipped import shipped_recipes
from contravox.training.trainer import Trainer

SMALL = [name for name in shipped_recipes() if name.startswith("small/")]


@pytest.fixture
def train(corpus, monkeypatch):
    """Train a recipe by name, in the folder that its paths are relative to."""
    monkeypatch.chdir(corpus.parent)

    def train_recipe(name, folder, *overrides):
        shipped = Recipe.read(name)
        size = "speakers=8" if shipped.sampler.name == "speakers_utterances" else "utterances=8"
        short = ["training.epochs=1", "data.segment_seconds=0.4", "data.workers=0"]
        trainer = Trainer(Recipe.read(name, [*short, f"sampler.{size}", *overrides]), folder)
        trainer.fit()
        return trainer

    return train_recipe


def test_there_is_one_for_each_system():
    systems = ("aam_softmax", "mfcon", "mfcon_ecapa", "aamsupcon", "cel", "cel_finetune")
    assert {f"small/{name}" for name in (*systems, "combined", "large_margin")} < set(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_a_small_recipe_trains(name, train, tmp_path):
    anew = ("training.initial_model=null", "training.initial_objectives=null")
    trainer = train(name, tmp_path, *anew)
    losses = [entry["losses"] for entry in read_log(tmp_path) if "losses" in entry]
    assert set(losses[0]) == set(trainer.recipe.objectives)
    labelled = trainer.recipe.data.labels == "speaker"
    assert trainer.module.model.settings.labels_used == labelled


@pytest.mark.parametrize(
    "name", [name for name in SMALL if Recipe.read(name).training.initial_model]
)
def test_a_second_stage_starts_from_the_first_at_its_place(name, train, corpus):
    folder = corpus.parent
    recipe = Recipe.read(name)
    first = recipe.training.initial_model.parent
    # `contravox train small/NAME` writes to runs/NAME.
    if not (folder / first / "model.safetensors").exists():
        train(f"small/{first.name}", folder / first)
    second = train(name, folder / "second" / name)
    before = Model.load(folder / first / "model.safetensors").settings
    assert second.trained_on.training_seconds == before.training_seconds > 0
    assert second.trained_on.speakers == set(before.trained_on) != set()


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if "/" not in name])
def test_full_size_stages_fit_together(name):
    """Another stage has the same front-end and encoder, and class vectors of the same speakers."""
    recipe = Recipe.read(name)
    initial = recipe.training.initial_model
    if initial is None:
        assert recipe.training.initial_objectives is None
        return
    first = Recipe.read(initial.parent.name)
    assert (first.features, first.encoder) == (recipe.features, recipe.encoder)
    if recipe.training.initial_objectives is not None:
        assert recipe.training.initial_objectives.parent == initial.parent
        assert first.data.manifest == recipe.data.manifest
        assert first.objectives.keys() & recipe.objectives.keys()

"""Every small recipe trains, cut short to one epoch of small segments."""

import numpy as np
import pytest

from contravox.inference.default_model import DEFAULT_MODEL
from contravox.inference.loading import load_model
from contravox.model import Model
from contravox.training.log import read_log
from contravox.training.recipe import Recipe
from contravox.training.shipped import shipped_recipes
from contravox.training.trainer import MODEL, Trainer

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
    anew = (
        *("training.initial_model=null", "training.initial_objectives=null"),
        "training.batchnorm=batch",
    )
    trainer = train(name, tmp_path, *anew)
    losses = [entry["losses"] for entry in read_log(tmp_path) if "losses" in entry]
    assert set(losses[0]) == set(trainer.recipe.objectives)
    labelled = trainer.recipe.data.labels == "speaker"
    assert trainer.module.model.settings.labels_used == labelled


def test_adapting_starts_from_the_model_that_comes_with_contravox(train, tmp_path):
    trainer = train("small/adapt", tmp_path)
    default = load_model().settings
    assert set(default.trained_on) < trainer.trained_on.speakers
    assert "initial_model: default\n" in (tmp_path / "recipe.yaml").read_text()
    # At a rate this low, for a few steps, it is still near where it began.
    noise = [np.random.default_rng(0).normal(0, 0.05, 20_000).astype(np.float32)]
    [before], [after] = load_model().embed(noise), Model.load(tmp_path / MODEL).embed(noise)
    assert before @ after > 0.9 * np.linalg.norm(before) * np.linalg.norm(after)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in SMALL
        if Recipe.read(name).training.initial_model not in (None, DEFAULT_MODEL)
    ],
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

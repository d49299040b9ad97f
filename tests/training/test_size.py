import pytest
from lightning_fabric import Fabric

from contravox.errors import RecipeError
from contravox.training import size
from contravox.training.dry_run import dry_run
from contravox.training.recipe import Recipe
from contravox.training.shipped import shipped_recipes
from contravox.training.size import check_size
from contravox.training.training_module import TrainingModule

FABRIC = Fabric(accelerator="cpu", devices=1)


def make_recipe(overrides):
    return Recipe.read("small/mfcon", ["data.speakers=100", "data.utterances=5000", *overrides])


@pytest.mark.parametrize("name", shipped_recipes())
def test_the_parameters_are_those_of_the_system(name):
    recipe = Recipe.read(name)
    balance = ("balance.",)
    module = TrainingModule(recipe, classes=50, target_size=recipe.encoder.embedding_size)
    trained = sum(
        each.numel()
        for key, each in module.named_parameters()
        if each.requires_grad and not key.startswith(balance)
    )
    assert size._parameters(recipe, 50) == trained


def test_the_memory_of_sampled_positives_is_counted(monkeypatch):
    monkeypatch.setattr(size, "_memory", lambda device: 10e9)
    sampler = "{name: random_utterances, segments: 2"
    overrides = ["data.labels=utterance", "objectives={one: {name: nt_xent}}"]
    for more, fits in (("}", True), (", positives: {}}", False)):
        recipe = make_recipe([*overrides, f"sampler={sampler}{more}"])
        # Twice 10 million embeddings of 128 numbers of four bytes; and 4 GB of requests.
        assert recipe.encoder.embedding_size == 128
        if fits:
            check_size(recipe, 10**7, 10**7, FABRIC)
        else:
            with pytest.raises(RecipeError, match="need at least 14 GB, it has 10"):
                check_size(recipe, 10**7, 10**7, FABRIC)


def test_what_is_needed_is_counted(monkeypatch):
    recipe = make_recipe(
        ["sampler={name: random_utterances, utterances: 10, segments: 2}", "data.segment_seconds=2"]
    )
    parameters = size._parameters(recipe, 300)
    # Weights, gradients and two moments; 20 segments of 2 s, of which 198 frames of 80 bins; and
    # two requests for each of 7,000 utterances.
    needed = 4 * (4 * parameters + 20 * 32_000 + 20 * 198 * 80) + 200 * 2 * 7000
    monkeypatch.setattr(size, "_memory", lambda device: needed)
    check_size(recipe, 7000, 300, FABRIC)
    monkeypatch.setattr(size, "_memory", lambda device: needed - 1)
    with pytest.raises(RecipeError, match=rf"too large .*: {parameters:,} parameters"):
        check_size(recipe, 7000, 300, FABRIC)


def test_without_labels_every_utterance_of_a_large_corpus_comes_once(monkeypatch):
    recipe = Recipe.read("cel_voxceleb2")
    monkeypatch.setattr(size, "_memory", lambda device: 24 * 10**9)
    check_size(recipe, recipe.data.utterances, recipe.data.utterances, FABRIC)


@pytest.mark.parametrize(
    "overrides",
    [
        ["encoder.size=65536", "encoder.feed_forward=65536", "encoder.blocks=100"],
        ["encoder={name: ecapa_tdnn, channels: 65536, aggregation: 65536}"],
        ["encoder={name: fast_resnet34, channels: 4096, blocks: [100, 100, 100, 100]}"],
        ["data.segment_seconds=600", "sampler={name: random_utterances, utterances: 1000000}"],
        ["data.speakers=100000000", "data.utterances=100000000"],
        ["sampler.utterances=10000", "sampler.segments=1000"],
        ["sampler={name: random_utterances, segments: 1000}", "data.utterances=50000000"],
    ],
)
def test_what_cannot_fit_is_refused_before_it_is_made(overrides, monkeypatch):
    monkeypatch.setattr(size, "_memory", lambda device: 16 * 10**9)
    with pytest.raises(
        RecipeError, match=r"too large for this machine: .* need at least"
    ) as caught:
        dry_run(make_recipe(overrides))
    assert "\n" not in str(caught.value)

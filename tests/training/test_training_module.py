"""The system in several processes, and in chunks, takes the step of one process with all rows."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from contravox.data.batch import Batch
from contravox.training.recipe import Recipe, TrainingSettings
from contravox.training.training_module import TrainingModule
from processes import run_processes

AAM = {"name": "aam_softmax"}
ATTENTION = {"attention": {"sigma": 0.2, "differentiate": True}}
OBJECTIVES = {
    "aam_softmax": {"one": AAM},
    "supcon": {"one": {"name": "supcon", "margin": 0.2}},
    "attended supcon": {"one": AAM, "two": {"name": "supcon", "margin": 0.2, **ATTENTION}},
    "nt_xent": {"one": {"name": "nt_xent"}},
    "triplet": {"one": {"name": "triplet", "margin": 1.0}},
    "uniformity": {"one": {"name": "uniformity"}},
    "uniformity of negatives": {"one": {"name": "uniformity", "pairs": "negatives"}},
    "angular_contrastive": {"one": {"name": "angular_contrastive"}},
    "angular_prototypical": {"one": {"name": "angular_prototypical"}},
    "prototypical": {"one": {"name": "prototypical"}},
    "ge2e": {"one": {"name": "ge2e"}},
    "distillation": {"one": {"name": "distillation"}},
    "distillation of similarities": {"one": {"name": "distillation", "match": "similarities"}},
    "multiscale": {
        "one": AAM,
        "two": {"name": "multiscale", "head_size": 6, "contrast": {"name": "supcon", **ATTENTION}},
    },
}
BALANCED = {
    "mgda": {"one": AAM, "two": {"name": "supcon"}},
    "mean": {
        "one": AAM,
        "two": {"name": "multiscale", "head_size": 6, "separate": True, "weight": 0.1},
    },
    "imtl_g": {
        "one": AAM,
        "two": {"name": "multiscale", "head_size": 6, "separate": True, "weight": 0.1},
        "three": {"name": "uniformity"},
    },
}


BALANCES = {
    "own parameters weighted": {"name": "imtl_g", "own_parameters": "weighted"},
    "normalised by norm": {"name": "mgda", "normalise": "norm"},
    "normalised by initial loss": {"name": "upgrad", "normalise": "initial_loss"},
    "uncertainty": {"name": "uncertainty"},
}
"""On a classifier, every map apart, and a contrast whose attention reaches class vectors."""


def make_recipe(objectives, balance="fixed"):
    return Recipe.model_validate(
        {
            "data": {"manifest": "none.tsv", "targets": "none.npz"},
            "features": {"bins": 20},
            "encoder": {
                "name": "ecapa_tdnn",
                "channels": 16,
                "scale": 2,
                "aggregation": 16,
                "bottleneck": 8,
                "embedding_size": 8,
            },
            "objectives": objectives,
            "balance": {"name": balance} if isinstance(balance, str) else balance,
        }
    )


def chunked(recipe, size):
    training = recipe.training.model_copy(update={"chunk_size": size})
    return recipe.model_copy(update={"training": training})


RECIPES = {
    **{name: make_recipe(objectives) for name, objectives in OBJECTIVES.items()},
    **{name: make_recipe(objectives, name) for name, objectives in BALANCED.items()},
    **{
        name: make_recipe(
            {**BALANCED["mean"], "three": {"name": "supcon", "weight": 0.2, **ATTENTION}}, balance
        )
        for name, balance in BALANCES.items()
    },
    "in chunks": chunked(make_recipe(BALANCED["imtl_g"], "imtl_g"), 1),
}


def make_batch():
    """Two segments of each of four speakers, which different processes will hold."""
    generator = torch.Generator().manual_seed(1)
    return Batch(
        waveforms=torch.randn(8, 3200, generator=generator),
        lengths=torch.full((8,), 3200),
        labels=torch.tensor([0, 3, 1, 2, 1, 0, 3, 2]),
        utterances=torch.arange(8),
        views=torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]),
    )


def rows_of(batch, rows):
    """Some rows of a batch."""
    parts = batch._asdict().items()
    return batch._replace(**{name: part[rows] for name, part in parts if part is not None})


def targets_of(batch):
    """What a teacher makes of each utterance."""
    every = torch.randn(8, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return every[batch.utterances]


class DoubleFeatures(nn.Module):
    """The front-end's features in float64, so that rounding hides no mistake."""

    def __init__(self, features):
        super().__init__()
        self.features = features

    def forward(self, waveforms, lengths):
        values, lengths = self.features(waveforms, lengths)
        return values.double(), lengths


def make_system(recipe, *, double=True):
    torch.manual_seed(0)
    system = TrainingModule(recipe, classes=5, target_size=6)
    if double:
        system.double()
        system.model.features = DoubleFeatures(system.model.features.float())
    for layer in system.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            # Otherwise a process's statistics would be those of its own rows.
            layer.eval()
    return system


def step(system, batch):
    """Losses, weights and gradients of a step."""
    result = system(batch, targets_of(batch))
    result.loss.backward()
    losses = {name: loss.item() for name, loss in result.losses.items()}
    weights = {name: weight.item() for name, weight in result.weights.items()}
    gradients = {
        name.removeprefix("module."): parameter.grad
        for name, parameter in system.named_parameters()
        if parameter.grad is not None
    }
    return losses, weights, gradients


def step_of_a_share(rank, count):
    """The same in one of ``count`` processes, for every recipe."""
    size = 8 // count
    batch = rows_of(make_batch(), slice(rank * size, (rank + 1) * size))
    return {
        name: step(DistributedDataParallel(make_system(recipe)), batch)
        for name, recipe in RECIPES.items()
    }


def assert_same_gradients(given, expected, tolerance):
    """Of every parameter, by the length of the difference.

    One beside which others are large cannot be more exact than they are.
    """
    assert given.keys() == expected.keys()
    whole = torch.cat([gradient.flatten() for gradient in expected.values()]).norm()
    assert whole > 1e-3
    for name, gradient in expected.items():
        difference = (given[name] - gradient).norm()
        assert difference <= tolerance * max(gradient.norm(), 0.1 * whole), name


@pytest.fixture(scope="module", params=[2, pytest.param(4, marks=pytest.mark.cluster)])
def shares(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shares")
    return run_processes(step_of_a_share, request.param, folder, seconds=240)


@pytest.mark.parametrize("name", RECIPES)
def test_losses_weights_and_gradients_are_those_of_one_process(name, shares):
    losses, weights, gradients = step(make_system(RECIPES[name]), make_batch())
    for share in shares:
        assert share[name][1] == pytest.approx(weights, rel=1e-8)
        assert_same_gradients(share[name][2], gradients, 1e-8)
    for term, loss in losses.items():
        # A classifier's loss is that of a process's own segments, any other that of all.
        means = [share[name][0][term] for share in shares]
        assert sum(means) / len(means) == pytest.approx(loss, rel=1e-8)
        if term != "one" or name not in (
            "aam_softmax",
            "distillation",
            "attended supcon",
            *BALANCED,
            *BALANCES,
            "multiscale",
            "in chunks",
        ):
            assert means == pytest.approx([loss] * len(means), rel=1e-8)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("name", RECIPES)
def test_chunks_give_the_step_of_the_whole_batch(name, size):
    losses, weights, gradients = step(make_system(RECIPES[name]), make_batch())
    in_chunks = step(make_system(chunked(RECIPES[name], size)), make_batch())
    assert in_chunks[0] == pytest.approx(losses, rel=1e-8)
    assert in_chunks[1] == pytest.approx(weights, rel=1e-8)
    assert_same_gradients(in_chunks[2], gradients, 1e-8)


@pytest.mark.parametrize("name", RECIPES)
def test_the_order_of_rows_changes_nothing(name):
    batch = make_batch()
    order = torch.randperm(8, generator=torch.Generator().manual_seed(2))
    losses, weights, gradients = step(make_system(RECIPES[name]), batch)
    permuted = step(make_system(RECIPES[name]), rows_of(batch, order))
    assert permuted[0] == pytest.approx(losses, rel=1e-8)
    assert permuted[1] == pytest.approx(weights, rel=1e-8)
    assert_same_gradients(permuted[2], gradients, 1e-8)


@pytest.mark.parametrize("own_parameters", ["full", "weighted"])
@pytest.mark.parametrize("name", [*BALANCED, "own parameters weighted", "in chunks"])
def test_the_encoder_takes_the_weighted_gradient_and_objectives_their_own(name, own_parameters):
    recipe = RECIPES[name]
    balance = recipe.balance.model_copy(update={"own_parameters": own_parameters})
    recipe = recipe.model_copy(update={"balance": balance})
    _, weights, gradients = step(make_system(recipe), make_batch())

    # Slowly: a pass for each objective.
    system = make_system(make_recipe(recipe.model_dump()["objectives"]))
    losses = system(make_batch()).losses
    parameters = dict(system.named_parameters())
    fixed = system.objectives.weights
    assert weights != pytest.approx(fixed, rel=0.1)
    expected = {key: torch.zeros_like(parameter) for key, parameter in parameters.items()}
    for term, loss in losses.items():
        of_one = torch.autograd.grad(
            loss, parameters.values(), retain_graph=True, materialize_grads=True, allow_unused=True
        )
        for key, gradient in zip(parameters, of_one, strict=True):
            of_encoder = key.startswith("model.") or own_parameters == "weighted"
            expected[key] += (weights if of_encoder else fixed)[term] * gradient
    assert_same_gradients(gradients, expected, 1e-8)


def test_mixed_precision_in_chunks_gives_the_step_of_the_whole_batch():
    steps = []
    for recipe in (RECIPES["mgda"], chunked(RECIPES["mgda"], 3)):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            steps.append(step(make_system(recipe, double=False), make_batch()))
    (losses, weights, gradients), in_chunks = steps
    assert in_chunks[0] == pytest.approx(losses, rel=1e-3)
    assert in_chunks[1] == pytest.approx(weights, rel=1e-2)
    # Half precision rounds the sums of other rows otherwise.
    assert_same_gradients(in_chunks[2], gradients, 3e-2)


@pytest.mark.parametrize(
    "encoder",
    [
        {"name": "mfa_conformer", "blocks": 2, "size": 16, "heads": 2, "feed_forward": 16},
        {"name": "fast_resnet34", "channels": 8, "blocks": [1, 1, 1, 1]},
    ],
)
def test_maps_of_every_encoder_are_weighed_by_their_gradients(encoder):
    recipe = make_recipe(BALANCED["mean"], "mean").model_dump() | {"encoder": encoder}
    weights = step(make_system(Recipe.model_validate(recipe)), make_batch())[1]
    # An objective that does not depend on what is shared would get 0.
    assert len(weights) > 2
    assert all(weight > 0 for weight in weights.values())


def test_averaged_weights_follow_the_trained_ones():
    recipe = make_recipe({"one": AAM})
    training = recipe.training.model_copy(update={"average": 0.75})
    system = TrainingModule(recipe.model_copy(update={"training": training}), classes=5)
    assert len(system.parameter_groups[0]["params"]) == len(
        TrainingModule(recipe, classes=5).parameter_groups[0]["params"]
    )
    expected = None
    for _ in range(3):
        with torch.no_grad():
            for value in (*system.model.parameters(), *system.model.buffers()):
                if value.is_floating_point():
                    value.add_(torch.randn_like(value))
        now = {name: each.clone() for name, each in system.model.state_dict().items()}
        expected = expected or now
        expected = {name: 0.75 * expected[name] + 0.25 * each for name, each in now.items()}
        system.average_weights()
    averaged = system.result.state_dict()
    assert averaged.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(averaged[name].double(), value.double(), atol=1e-5, rtol=1e-5)
    system.model.annotate(threshold=0.5)
    assert system.result.settings.threshold == 0.5


def test_weights_that_are_not_averaged_are_the_result():
    system = TrainingModule(make_recipe({"one": AAM}), classes=5)
    system.average_weights()
    assert system.result is system.model


def test_batch_normalisation_can_keep_what_it_knows():
    recipe = make_recipe({"one": AAM})
    kept = {"batchnorm": "initial", "initial_model": "known.safetensors"}
    training = recipe.training.model_copy(update=kept)
    system = TrainingModule(recipe.model_copy(update={"training": training}), classes=5)
    with torch.no_grad():
        for name, value in system.model.named_buffers():
            if "running" in name:
                value.uniform_(0.5, 2.0)
    statistics = {name: each.clone() for name, each in system.model.named_buffers()}
    waveforms, lengths = torch.randn(6, 8000), torch.full((6,), 8000)
    with torch.no_grad():
        expected = system.eval().model(waveforms, lengths).embedding
        assert system.train().training
        assert system.model.encoder.training
        torch.testing.assert_close(system.model(waveforms, lengths).embedding, expected)
    for name, value in system.model.named_buffers():
        assert torch.equal(value, statistics[name]), name
    assert all(each.requires_grad for each in system.model.parameters())


def test_what_it_knows_is_a_models():
    with pytest.raises(ValidationError, match=r"batchnorm: initial keeps .* name it by"):
        TrainingSettings(batchnorm="initial")
    # A run that goes on from another, whose statistics are those that it kept.
    assert TrainingSettings(batchnorm="initial", initial_run="runs/one").batchnorm == "initial"

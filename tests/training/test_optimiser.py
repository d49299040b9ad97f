import pytest
from torch.optim import SGD, Adam, AdamW

from contravox.training.optimiser import OptimiserSettings, make_optimiser
from contravox.training.recipe import Recipe
from contravox.training.training_module import TrainingModule


def make_system(balance):
    recipe = {
        "data": {"manifest": "none.tsv"},
        "encoder": {"name": "fast_resnet34", "channels": 8, "blocks": [1, 1, 1, 1]},
        "objectives": {"one": {"name": "aam_softmax"}, "two": {"name": "supcon"}},
        "balance": {"name": balance},
    }
    return TrainingModule(Recipe.model_validate(recipe), classes=3)


@pytest.mark.parametrize(("name", "kind"), [("adam", Adam), ("adamw", AdamW), ("sgd", SGD)])
@pytest.mark.parametrize("balance", ["fixed", "uncertainty"])
def test_everything_is_trained_once_and_learned_weights_do_not_decay(balance, name, kind):
    system = make_system(balance)
    settings = OptimiserSettings(name=name, learning_rate=0.3, weight_decay=0.1)
    optimiser = make_optimiser(system.parameter_groups, settings)
    assert type(optimiser) is kind
    decay = {id(each): g["weight_decay"] for g in optimiser.param_groups for each in g["params"]}
    assert sum(len(group["params"]) for group in optimiser.param_groups) == len(decay)
    expected = {
        name: 0.0 if "uncertainty" in name else 0.1 for name, _ in system.named_parameters()
    }
    assert {name: decay[id(each)] for name, each in system.named_parameters()} == expected
    assert all(group["lr"] == 0.3 for group in optimiser.param_groups)
